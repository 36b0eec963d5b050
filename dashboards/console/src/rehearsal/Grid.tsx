// The matrix as a grid: venues down, checks across, moved through with the arrow keys. What is off the screen is not drawn.

import { type KeyboardEvent, memo, type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../frame/icons.tsx";
import { useWords } from "../words/index.ts";
import type { Drawn, Matrix, Row } from "./matrix.ts";

/** Height of a row, pixels; the style sheet has the same. */
const ROW = 26;
/** Below this many rows all are drawn. */
const DRAW_ALL = 120;

/** What is chosen: a venue and a drawn column. */
export interface Chosen {
  venue: string;
  column: string;
}

interface GridProps {
  matrix: Matrix;
  plan: Drawn[];
  rows: Row[];
  chosen: Chosen | null;
  choose(chosen: Chosen): void;
  open: ReadonlySet<string>;
  toggle(group: string): void;
  /** Retests a column; absent where that is not allowed. */
  retest?: (column: Drawn) => void;
  extra(row: Row): ReactNode;
}

export function Grid({ matrix, plan, rows, chosen, choose, open, toggle, retest, extra }: GridProps) {
  const w = useWords();
  const scroller = useRef<HTMLDivElement>(null);
  const wanted = useRef(false);
  const [first, last] = useWindow(scroller, rows.length);
  const at = Math.max(
    0,
    rows.findIndex((row) => row.venue === chosen?.venue),
  );
  const column = Math.max(
    0,
    plan.findIndex((one) => one.id === chosen?.column),
  );

  useLayoutEffect(() => {
    if (!wanted.current) return;
    const cell = scroller.current?.querySelector<HTMLElement>(`[data-at="${at}.${column}"]`);
    if (cell) {
      wanted.current = false;
      cell.focus();
    } else if (scroller.current) scroller.current.scrollTop = Math.max(0, (at - 5) * ROW);
  });

  const move = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement) || !event.target.closest("td")) return;
    const to = target(event.key, at, column, rows.length, plan.length);
    if (!to) return;
    event.preventDefault();
    const row = rows[to[0]];
    const next = plan[to[1]];
    if (!row || !next) return;
    wanted.current = true;
    choose({ venue: row.venue, column: next.id });
  };

  const drawnRows = rows.slice(first, last);
  return (
    <div className="scroll" ref={scroller}>
      <table
        className="mx"
        role="grid"
        aria-label={w.rehearsal.matrix}
        aria-rowcount={rows.length + 1}
        aria-colcount={plan.length}
        onKeyDown={move}
      >
        <thead>
          <tr aria-rowindex={1}>
            {plan.map((one) => (
              <th key={one.id} scope="col" className={one.css} title={one.title}>
                <Head drawn={one} open={open} toggle={toggle} retest={retest} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr aria-hidden="true" className="gap" ref={(node) => tall(node, first * ROW)} />}
          {drawnRows.map((row, index) => (
            <Line
              key={row.venue}
              sign={JSON.stringify(row)}
              row={row}
              at={first + index}
              plan={plan}
              here={chosen?.venue === row.venue || (!chosen && first + index === 0) ? column : -1}
              selected={chosen?.venue === row.venue}
              choose={choose}
              extra={extra}
              main={w.rehearsal.main}
            />
          ))}
          {last < rows.length && (
            <tr aria-hidden="true" className="gap" ref={(node) => tall(node, (rows.length - last) * ROW)} />
          )}
        </tbody>
      </table>
      {!rows.length && <p className="quiet">{matrix.rows.length ? w.rehearsal.quiet : w.rehearsal.noMatch}</p>}
    </div>
  );
}

function tall(node: HTMLElement | null, pixels: number): void {
  if (node) node.style.height = `${pixels}px`;
}

function target(key: string, at: number, column: number, rows: number, columns: number): [number, number] | null {
  const within = (n: number, end: number) => Math.max(0, Math.min(end - 1, n));
  switch (key) {
    case "ArrowLeft":
      return [at, within(column - 1, columns)];
    case "ArrowRight":
      return [at, within(column + 1, columns)];
    case "ArrowUp":
      return [within(at - 1, rows), column];
    case "ArrowDown":
      return [within(at + 1, rows), column];
    case "PageUp":
      return [within(at - 20, rows), column];
    case "PageDown":
      return [within(at + 20, rows), column];
    case "Home":
      return [at, 0];
    case "End":
      return [at, columns - 1];
    default:
      return null;
  }
}

/** Which rows are to be drawn: all of a small matrix, else those near the screen. */
function useWindow(scroller: React.RefObject<HTMLDivElement | null>, count: number): [number, number] {
  const [top, setTop] = useState(0);
  useEffect(() => {
    const node = scroller.current;
    if (!node || count <= DRAW_ALL) return;
    const listen = () => setTop(Math.floor(node.scrollTop / ROW / 10) * 10);
    node.addEventListener("scroll", listen, { passive: true });
    listen();
    return () => node.removeEventListener("scroll", listen);
  }, [scroller, count]);
  return useMemo(
    () => (count <= DRAW_ALL ? [0, count] : [Math.max(0, top - 20), Math.min(count, top + 80)]),
    [count, top],
  );
}

function Head({
  drawn,
  open,
  toggle,
  retest,
}: {
  drawn: Drawn;
  open: ReadonlySet<string>;
  toggle(group: string): void;
  retest?: (column: Drawn) => void;
}) {
  const w = useWords();
  const { group } = drawn;
  const opened = group !== undefined && open.has(group);
  return (
    <span className="head">
      {group ? (
        <button
          type="button"
          className="link"
          aria-expanded={opened}
          title={opened ? w.rehearsal.collapse(drawn.head) : w.rehearsal.expand(drawn.head)}
          onClick={() => toggle(group)}
        >
          {drawn.head} <Icon name={opened ? "shut" : "open"} />
        </button>
      ) : (
        drawn.head
      )}
      {retest && drawn.columns.length > 0 && drawn.css !== "v" && (
        <button
          type="button"
          className="link again"
          aria-label={w.rehearsal.retestColumn(drawn.head)}
          title={w.rehearsal.retestColumn(drawn.head)}
          onClick={() => retest(drawn)}
        >
          <Icon name="again" />
        </button>
      )}
    </span>
  );
}

interface LineProps {
  /** The row as text: it decides whether the row is drawn again. */
  sign: string;
  row: Row;
  at: number;
  plan: Drawn[];
  here: number;
  selected: boolean;
  choose(chosen: Chosen): void;
  extra(row: Row): ReactNode;
  main: string;
}

const Line = memo(
  function Line({ row, at, plan, here, selected, choose, extra, main }: LineProps) {
    return (
      <tr className={selected ? "sel" : ""} aria-selected={selected} aria-rowindex={at + 2}>
        {plan.map((drawn, index) => {
          const shown = drawn.show(row);
          const chosen = selected && here === index;
          const css = [drawn.css, shown.ground ?? "", chosen ? "here" : ""].filter(Boolean).join(" ");
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the grid moves by the arrow keys as a whole
            <td
              key={drawn.id}
              role="gridcell"
              className={css}
              data-at={`${at}.${index}`}
              tabIndex={here === index ? 0 : -1}
              onFocus={() => choose({ venue: row.venue, column: drawn.id })}
              onClick={(event) => event.currentTarget.focus()}
            >
              {shown.progress === undefined ? (
                <span className={shown.strong ? `strong ${shown.tone}` : shown.tone}>{shown.text}</span>
              ) : (
                <progress max={100} value={Math.round(shown.progress * 100)} aria-label={shown.text} />
              )}
              {index === 0 && row.main && <span className="tag">{main}</span>}
              {index === 0 && extra(row)}
            </td>
          );
        })}
      </tr>
    );
  },
  (a, b) =>
    a.sign === b.sign &&
    a.plan === b.plan &&
    a.here === b.here &&
    a.selected === b.selected &&
    a.at === b.at &&
    a.main === b.main,
);
