// The joint test 联调: the grid, what narrows it, and the venue being worked on.

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { post } from "../api/client.ts";
import { Dialog, DialogForm } from "../frame/Dialog.tsx";
import { Icon } from "../frame/icons.tsx";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { usePeople } from "./follow.ts";
import { type Chosen, Grid } from "./Grid.tsx";
import { type Drawn, drawn, type Matrix, type Row, troubled } from "./matrix.ts";
import { Side } from "./Side.tsx";

/** Expanded groups: by the width of the screen until somebody says otherwise. */
function useOpenGroups(): [ReadonlySet<string>, (change: (was: ReadonlySet<string>) => ReadonlySet<string>) => void] {
  const [open, setOpen] = useState(openAtFirst);
  const said = useRef(false);
  useEffect(() => {
    const resized = () => said.current || setOpen(openAtFirst());
    window.addEventListener("resize", resized);
    return () => window.removeEventListener("resize", resized);
  }, []);
  const change = useCallback((next: (was: ReadonlySet<string>) => ReadonlySet<string>) => {
    said.current = true;
    setOpen(next);
  }, []);
  return [open, change];
}

/** What is expanded at first: as much as the screen is wide for. */
function openAtFirst(): ReadonlySet<string> {
  const width = window.innerWidth;
  return new Set([...(width > 1300 ? ["path.primary.1"] : []), ...(width > 1850 ? ["path.backup.1"] : [])]);
}

export function MatrixBoard({ matrix, old }: { matrix: Matrix; old: boolean }) {
  const w = useWords();
  const { may } = useSession();
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [onlyProblems, setOnlyProblems] = useState(false);
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useOpenGroups();
  const [retesting, setRetesting] = useState<Drawn | null>(null);
  const shape = JSON.stringify(matrix.columns);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the columns as text decide, not each new message
  const plan = useMemo(() => drawn(matrix, open, w), [shape, open, w]);
  const rows = useMemo(
    () => matrix.rows.filter((row) => (!onlyProblems || troubled(row)) && meant(row.name, typed)),
    [matrix, onlyProblems, typed],
  );
  const choose = useCallback(
    (next: Chosen) => setChosen((was) => (was?.venue === next.venue && was.column === next.column ? was : next)),
    [],
  );
  const toggle = useCallback((group: string) => setOpen((was) => toggled(was, group)), [setOpen]);
  const ended = Boolean(matrix.ended);
  // A finished round shows its worst venue by itself.
  useEffect(() => {
    if (chosen || !ended) return;
    const first = matrix.rows.find((row) => row.verdict === "fail") ?? matrix.rows.find(troubled);
    if (first) setChosen({ venue: first.venue, column: "venue" });
  }, [chosen, ended, matrix]);
  const extra = useCallback(
    (row: Row) => <Extra row={row} round={matrix.round} work={may("work") && !old} people={may("people")} />,
    [matrix.round, may, old],
  );
  const row = matrix.rows.find((one) => one.venue === chosen?.venue) ?? matrix.rows.find(troubled) ?? matrix.rows[0];
  const column = plan.find((one) => one.id === chosen?.column);
  const wrong = matrix.rows.filter(troubled).length;
  return (
    <>
      <section className="panel board">
        <div className="filter">
          <button
            type="button"
            className="btn"
            aria-pressed={onlyProblems}
            onClick={() => setOnlyProblems(!onlyProblems)}
          >
            {w.rehearsal.onlyProblems} <b>{wrong}</b>
          </button>
          <input
            type="search"
            aria-label={w.frame.search}
            placeholder={w.frame.searchHint}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          {rows.length !== matrix.rows.length && (
            <span className="mut num">{w.rehearsal.shown(rows.length, matrix.rows.length)}</span>
          )}
          <Legend matrix={matrix} />
        </div>
        <Grid
          matrix={matrix}
          plan={plan}
          rows={rows}
          chosen={chosen}
          choose={choose}
          open={open}
          toggle={toggle}
          retest={may("run") && !old ? setRetesting : undefined}
          extra={extra}
        />
      </section>
      {row && (
        <Side
          matrix={matrix}
          row={row}
          columns={column?.columns.length && chosen?.venue === row.venue ? column.columns : null}
        />
      )}
      {retesting && <RetestColumn matrix={matrix} column={retesting} close={() => setRetesting(null)} />}
    </>
  );
}

function toggled(was: ReadonlySet<string>, group: string): ReadonlySet<string> {
  const next = new Set(was);
  if (!next.delete(group)) next.add(group);
  return next;
}

/** How many venues stand where; each shape beside its word. */
function Legend({ matrix }: { matrix: Matrix }) {
  const w = useWords();
  const { counts } = matrix;
  const parts: [number, string, string][] = [
    [counts.fail, "urgent", `◆ ${w.verdicts.fail}`],
    [counts.warn, "major", `▲ ${w.verdicts.warn}`],
    [counts.test_broke, "broke", `? ${w.verdicts.test_broke}`],
    [counts.no_answer, "minor", `● ${w.verdicts.no_answer}`],
    [counts.waived, "mut", `– ${w.verdicts.waived}`],
    [counts.pass, "ok", w.verdicts.pass],
  ];
  return (
    <span className="legend num">
      {parts.map(([count, css, text]) => (
        <span key={text} className={count ? css : "mut"}>
          {text} {count}
        </span>
      ))}
    </span>
  );
}

/** Behind a troubled venue's name: whom to call. In each row: test it again. */
function Extra({ row, round, work, people }: { row: Row; round: number; work: boolean; people: boolean }) {
  const w = useWords();
  const found = usePeople(troubled(row) ? row.venue : undefined, people);
  const number = found?.[0]?.numbers[0]?.number;
  const again = () =>
    void run(post("/api/v1/rounds/{id}/retest", { scope: { venue: row.venue } } as never, { path: { id: round } }));
  return (
    <span className="extra">
      {number && (
        <span className="mut num">
          <Icon name="phone" /> {number}
        </span>
      )}
      {work && (
        <button
          type="button"
          className="link again"
          tabIndex={-1}
          aria-label={w.rehearsal.retestRow(row.name)}
          title={w.rehearsal.retestRow(row.name)}
          onClick={again}
        >
          <Icon name="again" />
        </button>
      )}
    </span>
  );
}

function RetestColumn({ matrix, column, close }: { matrix: Matrix; column: Drawn; close(): void }) {
  const w = useWords();
  const cells = matrix.rows.flatMap((row) => column.columns.flatMap((at) => row.cells[at] ?? []));
  const done = async () => {
    close();
    for (const cell of cells) {
      const sent = await run(
        post("/api/v1/rounds/{id}/retest", { scope: { cell: cell.key } } as never, { path: { id: matrix.round } }),
      );
      if (!sent) return;
    }
  };
  return (
    <Dialog title={w.rehearsal.retestColumn(column.head)} close={close}>
      <DialogForm done={() => void done()} close={close}>
        <p>{w.rehearsal.retestColumnAsk(column.head, cells.length)}</p>
      </DialogForm>
    </Dialog>
  );
}
