// The venue being worked on: whom to call, what is wrong, what to do, the evidence, and the manual items.

import { type ReactNode, useState } from "react";
import { post } from "../api/client.ts";
import { Choice, Dialog, DialogForm } from "../frame/Dialog.tsx";
import { Icon } from "../frame/icons.tsx";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { useWords, type Words } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { Evidence } from "./Evidence.tsx";
import { type Person, usePeople } from "./follow.ts";
import { byVerdict, type Cell, type Column, chosenCell, type Matrix, type Row, signed, tone } from "./matrix.ts";
import { RecordDialog } from "./Record.tsx";

interface SideProps {
  matrix: Matrix;
  row: Row;
  /** The places in `matrix.columns` that are asked for; `null`: what is worst. */
  columns: number[] | null;
}

export function Side({ matrix, row, columns }: SideProps) {
  const w = useWords();
  const { may } = useSession();
  const people = usePeople(row.venue, may("people"));
  const cell = chosenCell(row, columns);
  return (
    <aside className="panel side" aria-label={w.rehearsal.venue}>
      <div>
        <h2>
          {row.name} {row.main && <span className="tag">{w.rehearsal.main}</span>}
        </h2>
        <div className="mut s">{row.cells.flatMap((one) => one?.link ?? []).join(" · ")}</div>
        {may("people") && <Calls people={people} />}
      </div>
      <Says matrix={matrix} row={row} chosen={cell} />
      {cell && <Figures matrix={matrix} row={row} cell={cell} />}
      <Actions matrix={matrix} row={row} cell={cell} />
      {cell && <Evidence matrix={matrix} row={row} cell={cell} />}
      <Room matrix={matrix} row={row} people={people ?? []} />
    </aside>
  );
}

/** The contacts with their numbers. */
export function Calls({ people }: { people: Person[] | null }) {
  const w = useWords();
  if (!people) return <div className="calls" />;
  return (
    <section className="calls" aria-label={w.rehearsal.calls}>
      {people.length === 0 && <span className="mut">{w.rehearsal.noCalls}</span>}
      {people.map((person) => (
        <div className="call" key={person.id}>
          <Icon name="phone" /> <b>{person.role === "b" ? w.rehearsal.roleB : w.rehearsal.roleA}</b> {person.name}{" "}
          {person.numbers.map((number) => (
            <span className="num" key={number.number}>
              {number.number}{" "}
            </span>
          ))}
        </div>
      ))}
    </section>
  );
}

export function titleOf(matrix: Matrix, row: Row, cell: Cell): string {
  const column = matrix.columns[row.cells.indexOf(cell)];
  return cell.link ?? column?.title ?? cell.check;
}

/** Everything wrong at the venue, worst first; the chosen one in full. */
function Says({ matrix, row, chosen }: { matrix: Matrix; row: Row; chosen: Cell | null }) {
  const w = useWords();
  const wrong = row.cells.filter((cell): cell is Cell =>
    Boolean(cell?.verdict && cell.verdict !== "pass" && cell.state === "done"),
  );
  wrong.sort((a, b) => byVerdict(a.verdict, b.verdict));
  if (!wrong.length) return row.verdict === "pass" ? <p className="mut">{w.rehearsal.allGood}</p> : null;
  const same = new Map<string, Cell[]>();
  for (const cell of wrong)
    same.set(`${cell.verdict}${cell.text}`, [...(same.get(`${cell.verdict}${cell.text}`) ?? []), cell]);
  return (
    <>
      {[...same.values()].map((cells) => (
        <Say
          key={cells[0]?.check}
          cells={cells}
          titles={cells.map((cell) => titleOf(matrix, row, cell))}
          full={chosen !== null && cells.includes(chosen)}
          w={w}
        />
      ))}
    </>
  );
}

function Say({ cells, titles, full, w }: { cells: Cell[]; titles: string[]; full: boolean; w: Words }) {
  const cell = cells[0];
  if (!cell) return null;
  const verdict = cell.verdict ?? "";
  return (
    <div className={`say ${tone(verdict)}`}>
      <b className={tone(verdict)}>{signed(verdict, cell.verdict_text)}</b> · {titles.join(w.frame.and)}
      <div>{cell.waived ? w.rehearsal.waivedBy(cell.waived.by, cell.waived.why) : cell.text}</div>
      {verdict === "test_broke" && <div className="mut">{w.rehearsal.testBroke}</div>}
      {cell.room?.note && <div>{cell.room.note}</div>}
      {(full || verdict === "fail") && cell.next_step && (
        <div>
          <b>{w.rehearsal.next}</b>
          {cell.next_step}
        </div>
      )}
    </div>
  );
}

function Figures({ matrix, row, cell }: { matrix: Matrix; row: Row; cell: Cell }) {
  const w = useWords();
  const r = w.rehearsal;
  const before = cell.previous;
  const change = before && { worse: "urgent", better: "ok", same: "mut" }[before.change];
  return (
    <section>
      <h3>{titleOf(matrix, row, cell)}</h3>
      <dl>
        {cell.shown.map((figure) => (
          <Pair key={figure.label} name={figure.label}>
            {figure.value}
          </Pair>
        ))}
        {cell.quality_text && <Pair name={r.quality}>{cell.quality_text}</Pair>}
        {cell.judged_at && (
          <Pair name={r.judgedAt}>
            {clock(cell.judged_at)}
            {cell.attempt > 1 && ` · ${r.attempt(cell.attempt)}`}
          </Pair>
        )}
        <Pair name={r.lastRound}>
          {before ? (
            <>
              {before.verdict_text}
              {before.verdict !== "pass" && ` · ${before.text}`}{" "}
              {cell.verdict && <span className={change ?? ""}>{r[before.change]}</span>}
            </>
          ) : (
            r.noLast
          )}
        </Pair>
      </dl>
    </section>
  );
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="num">{children}</dd>
    </>
  );
}

function Actions({ matrix, row, cell }: { matrix: Matrix; row: Row; cell: Cell | null }) {
  const w = useWords();
  const { may } = useSession();
  const [asking, setAsking] = useState<"waive" | "consent" | null>(null);
  const path = { path: { id: matrix.round } };
  const retest = (scope: unknown) => void run(post("/api/v1/rounds/{id}/retest", { scope } as never, path));
  const measured = cell && !/^(room|confirm):/.test(cell.check);
  const close = () => setAsking(null);
  const waive = (value: (name: string) => string) => {
    close();
    if (cell) void run(post("/api/v1/rounds/{id}/waive", { key: cell.key, why: value("why").trim() }, path));
  };
  const consent = (value: (name: string) => string) => {
    close();
    void run(post("/api/v1/venues/{id}/consent", { minutes: Number(value("minutes")) }, { path: { id: row.venue } }));
  };
  return (
    <div className="actions">
      {may("work") && measured && (
        <button type="button" className="btn go" data-key="cell" onClick={() => retest({ cell: cell.key })}>
          {w.rehearsal.retestCell}
        </button>
      )}
      {may("work") && (
        <button type="button" className="btn" data-key="venue" onClick={() => retest({ venue: row.venue })}>
          {w.rehearsal.retestVenue}
        </button>
      )}
      {may("waive") && cell && (
        <button type="button" className="btn" data-key="waive" onClick={() => setAsking("waive")}>
          {w.rehearsal.waive}
        </button>
      )}
      {may("work") && (
        <button type="button" className="btn" data-key="consent" onClick={() => setAsking("consent")}>
          {w.rehearsal.consent}
        </button>
      )}
      {asking === "waive" && cell && (
        <Dialog title={`${w.rehearsal.waiveTitle} · ${row.name} · ${titleOf(matrix, row, cell)}`} close={close}>
          <DialogForm done={waive} close={close}>
            <label>
              <span>{w.rehearsal.why}</span>
              <textarea name="why" required rows={3} maxLength={300} />
            </label>
          </DialogForm>
        </Dialog>
      )}
      {asking === "consent" && (
        <Dialog title={`${w.rehearsal.consentTitle} · ${row.name}`} close={close}>
          <DialogForm done={consent} close={close}>
            <p>{w.rehearsal.consentText}</p>
            <Choice
              label={w.rehearsal.minutes}
              name="minutes"
              value="60"
              options={["30", "60", "120", "240"].map((n) => [n, n])}
            />
          </DialogForm>
        </Dialog>
      )}
    </div>
  );
}

function Room({ matrix, row, people }: { matrix: Matrix; row: Row; people: Person[] }) {
  const w = useWords();
  const { may } = useSession();
  const [recording, setRecording] = useState<{ cell: Cell; column: Column } | null>(null);
  const items = row.cells.flatMap((cell, at) => {
    const column = matrix.columns[at];
    return cell && column && (column.kind === "room" || column.kind === "confirm") ? [{ cell, column }] : [];
  });
  if (!items.length) return null;
  const filled = items.filter(({ cell }) => cell.room || cell.waived).length;
  return (
    <section>
      <h3>
        {w.rehearsal.room}{" "}
        <span className="sub">
          {w.rehearsal.filled(filled, items.length)}
          {may("work") && ` · ${w.rehearsal.byPhone}`}
        </span>
      </h3>
      <ul className="room">
        {items.map(({ cell, column }) => (
          <li key={cell.check}>
            <Mark cell={cell} />
            <span className="item">{column.title}</span>
            <span className={cell.room?.outcome === "faulty" ? "urgent" : "mut"}>{stateOf(cell, w)}</span>
            {may("work") && (
              <button
                type="button"
                className="btn small"
                data-key={cell.check}
                aria-label={`${w.rehearsal.record} ${column.title}`}
                onClick={() => setRecording({ cell, column })}
              >
                {w.rehearsal.record}
              </button>
            )}
          </li>
        ))}
      </ul>
      {recording && (
        <RecordDialog
          round={matrix.round}
          venue={row.venue}
          title={`${row.name} · ${recording.column.title}`}
          cell={recording.cell}
          people={people}
          close={() => setRecording(null)}
        />
      )}
    </section>
  );
}

function Mark({ cell }: { cell: Cell }) {
  if (cell.room?.outcome === "in_order") return <Icon name="done" />;
  if (cell.room?.outcome === "faulty") return <b className="urgent">◆</b>;
  return <Icon name="ring" />;
}

function stateOf(cell: Cell, w: Words): string {
  if (cell.room) return `${cell.room.outcome_text} ${clock(cell.room.at).slice(0, 5)}`;
  if (cell.waived) return cell.verdict_text;
  return cell.verdict === "no_answer" ? signed("no_answer", cell.reason_text) : w.rehearsal.waiting;
}
