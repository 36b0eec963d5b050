// The boards of what people find: 看听确认 with two clicks each, and the systems of each hall 现场核对.

import { useEffect, useState } from "react";
import { useSession } from "../frame/rights.ts";
import { useWords } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { usePeople } from "./follow.ts";
import { type Cell, type Matrix, type Row, signed } from "./matrix.ts";
import { type Outcome, RecordDialog, record } from "./Record.tsx";
import { Calls } from "./Side.tsx";

/** A first click counts for so long, milliseconds. */
const PATIENCE = 5000;

interface ConfirmProps {
  matrix: Matrix;
  kind: "confirm" | "room";
}

export function Confirm({ matrix, kind }: ConfirmProps) {
  const w = useWords();
  const { may } = useSession();
  const [typed, setTyped] = useState("");
  const [asking, setAsking] = useState<{ row: Row; cell: Cell; title: string } | null>(null);
  const places = matrix.columns.flatMap((column, at) => (column.kind === kind ? [at] : []));
  const people = usePeople(asking?.row.venue, may("people"));
  if (!places.length) {
    return (
      <section className="panel board wide">
        <p className="quiet">{kind === "confirm" ? w.rehearsal.confirmNone : w.rehearsal.roomNone}</p>
      </section>
    );
  }
  const rows = matrix.rows.filter((row) => places.some((at) => row.cells[at]) && meant(row.name, typed));
  return (
    <section className="panel board wide">
      <div className="filter">
        <input
          type="search"
          aria-label={w.frame.search}
          placeholder={w.frame.searchHint}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <span className="mut">
          {kind === "confirm" ? w.rehearsal.confirmText : `${w.rehearsal.roomText} ${w.rehearsal.byPhone}`}
        </span>
      </div>
      <div className="scroll">
        <table className="mx checks">
          <thead>
            <tr>
              <th scope="col">{w.rehearsal.venue}</th>
              <th scope="col">{w.rehearsal.phone}</th>
              {places.map((at) => (
                <th scope="col" key={at}>
                  {matrix.columns[at]?.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.venue}>
                <th scope="row" className="name">
                  {row.name} {row.main && <span className="tag">{w.rehearsal.main}</span>}
                </th>
                <td className="num mut">
                  <Phone venue={row.venue} allowed={may("people")} />
                </td>
                {places.map((at) => {
                  const cell = row.cells[at];
                  if (!cell) return <td key={at}>·</td>;
                  const title = matrix.columns[at]?.title ?? "";
                  return (
                    <td key={at}>
                      <Item
                        row={row}
                        cell={cell}
                        title={title}
                        round={matrix.round}
                        allowed={may("work")}
                        more={() => setAsking({ row, cell, title })}
                      />
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {asking && (
        <RecordDialog
          round={matrix.round}
          venue={asking.row.venue}
          title={`${asking.row.name} · ${asking.title}`}
          cell={asking.cell}
          people={people ?? []}
          close={() => setAsking(null)}
        />
      )}
    </section>
  );
}

function Phone({ venue, allowed }: { venue: string; allowed: boolean }) {
  const people = usePeople(venue, allowed);
  const first = people?.[0];
  return first ? <Calls people={[{ ...first, numbers: first.numbers.slice(0, 1) }]} /> : null;
}

interface ItemProps {
  row: Row;
  cell: Cell;
  title: string;
  round: number;
  allowed: boolean;
  more(): void;
}

/** One item: what was found, and the two clicks. */
function Item({ row, cell, title, round, allowed, more }: ItemProps) {
  const w = useWords();
  const [first, setFirst] = useState<Outcome | null>(null);
  useEffect(() => {
    if (!first) return;
    const timer = window.setTimeout(() => setFirst(null), PATIENCE);
    return () => window.clearTimeout(timer);
  }, [first]);
  const press = (outcome: Outcome) => {
    if (first !== outcome) return setFirst(outcome);
    setFirst(null);
    void record(round, row.venue, cell, { outcome });
  };
  const found = cell.room?.outcome;
  const css = found === "faulty" ? "urgent" : found ? "ok" : "mut";
  const state = cell.room
    ? `${found === "faulty" ? "◆ " : found === "in_order" ? "✓ " : ""}${cell.room.outcome_text}`
    : cell.waived
      ? cell.verdict_text
      : cell.verdict === "no_answer"
        ? signed("no_answer", cell.reason_text)
        : w.rehearsal.pending;
  return (
    <span className="confirm">
      <span className={css} title={cell.room?.note}>
        {state}
      </span>
      {allowed && (
        <span className="actions">
          {(["in_order", "faulty"] as const).map((outcome) => (
            <button
              key={outcome}
              type="button"
              className={first === outcome ? "btn small go" : "btn small"}
              aria-label={`${row.name} ${title} ${w.rehearsal.outcomes[outcome]}`}
              onClick={() => press(outcome)}
            >
              {first === outcome ? w.rehearsal.press : w.rehearsal.outcomes[outcome]}
            </button>
          ))}
          <button
            type="button"
            className="btn small"
            aria-label={`${w.rehearsal.record} ${row.name} ${title}`}
            onClick={more}
          >
            …
          </button>
        </span>
      )}
    </span>
  );
}
