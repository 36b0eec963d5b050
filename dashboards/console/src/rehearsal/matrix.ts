// What the matrix shows, as plain values: groups of columns, what stands in a cell, which rows need somebody.

import type { Schemas } from "../api/client.ts";
import type { Words } from "../words/index.ts";

export type Matrix = Schemas["Matrix"];
export type Row = Schemas["Row"];
export type Cell = Schemas["Cell"];
export type Column = Schemas["Column"];

const SIGN: Record<string, string> = { warn: "▲", fail: "◆", test_broke: "?", no_answer: "●", waived: "–" };
const TONE: Record<string, string> = {
  warn: "major",
  fail: "urgent",
  test_broke: "broke",
  no_answer: "minor",
  waived: "mut",
  pass: "ok",
};
const GROUND: Record<string, string> = {
  fail: "bg-urgent",
  warn: "bg-major",
  test_broke: "bg-broke",
  no_answer: "bg-minor",
};
/** Worst first. */
const ORDER = ["fail", "no_answer", "test_broke", "warn", "waived", "pass"];

/** The class of a verdict's colour. */
export const tone = (verdict: string | null | undefined): string => TONE[verdict ?? ""] ?? "mut";

/** A verdict's shape and word. */
export const signed = (verdict: string, text: string): string => (SIGN[verdict] ? `${SIGN[verdict]} ${text}` : text);

const bad = (verdict: string | null | undefined) => Boolean(verdict && GROUND[verdict]);

/** The worse first. */
export const byVerdict = (a: string | null | undefined, b: string | null | undefined): number =>
  ORDER.indexOf(a ?? "pass") - ORDER.indexOf(b ?? "pass");

/** Whether a venue needs somebody. */
export const troubled = (row: Row): boolean => bad(row.verdict) || row.cells.some((cell) => cell && bad(cell.verdict));

/** What is drawn in a place of the table. */
export interface Shown {
  text: string;
  tone: string;
  ground?: string;
  /** 0–1: drawn as a bar. */
  progress?: number;
  strong?: boolean;
}

/** One column of the table as drawn: a check of the matrix, one of its figures, or several as one. */
export interface Drawn {
  id: string;
  head: string;
  title?: string;
  css: string;
  /** The group it belongs to and heads, if it can be expanded. */
  group?: string;
  /** Places in `matrix.columns` that it stands for. */
  columns: number[];
  show(row: Row): Shown;
}

const plain = (text: string, css = "ok"): Shown => ({ text, tone: css });

/** The columns from left to right; `open` names the groups whose figures are shown. */
export function drawn(matrix: Matrix, open: ReadonlySet<string>, w: Words): Drawn[] {
  const r = w.rehearsal;
  const list: Drawn[] = [
    { id: "venue", head: r.venue, css: "name", columns: [], show: (row) => plain(row.name, "ink") },
    { id: "verdict", head: r.verdict, css: "verdict", columns: [], show: verdictShown },
  ];
  matrix.columns.forEach((column, at) => {
    const cell = (row: Row) => row.cells[at] ?? null;
    const one = { columns: [at] };
    if (column.kind === "path") {
      const group = column.id;
      list.push({
        ...one,
        id: column.id,
        head: column.title,
        css: "g",
        group,
        show: (row) => checkShown(cell(row), column, w),
      });
      if (open.has(group)) list.push(...figureColumns(column, at, w));
    } else if (column.kind === "call") {
      list.push({
        ...one,
        id: column.id,
        head: column.title,
        css: "g",
        show: (row) => checkShown(cell(row), column, w),
      });
    } else if (column.kind !== "room" && column.kind !== "confirm") {
      list.push({
        ...one,
        id: column.id,
        head: column.title,
        css: "a",
        show: (row) => checkShown(cell(row), column, w),
      });
    }
  });
  for (const [kind, head] of [
    ["room", r.room],
    ["confirm", r.confirm],
  ] as const) {
    const columns = matrix.columns.flatMap((column, at) => (column.kind === kind ? [at] : []));
    if (!columns.length) continue;
    list.push({
      id: kind,
      head,
      css: "g",
      group: kind,
      columns,
      show: (row) =>
        manyShown(
          columns.map((at) => row.cells[at] ?? null),
          w,
        ),
    });
    if (!open.has(kind)) continue;
    for (const at of columns) {
      const column = matrix.columns[at];
      if (column)
        list.push({
          id: column.id,
          head: column.title,
          css: "a",
          columns: [at],
          show: (row) => checkShown(row.cells[at] ?? null, column, w),
        });
    }
  }
  return list;
}

function figureColumns(column: Column, at: number, w: Words): Drawn[] {
  const r = w.rehearsal;
  const of = (read: (cell: Cell) => { text: string; strong: boolean } | null) => (row: Row) =>
    figureShown(row.cells[at] ?? null, read, w);
  const one = { css: "v", columns: [at] };
  return [
    { ...one, id: `${column.id}.loss`, head: r.loss, title: r.lossTitle, show: of(loss) },
    { ...one, id: `${column.id}.jitter`, head: r.jitter, title: r.jitterTitle, show: of(jitter) },
    { ...one, id: `${column.id}.rtt`, head: r.rtt, title: r.rttTitle, show: of(rtt) },
  ];
}

function verdictShown(row: Row): Shown {
  if (!row.verdict) return plain(row.verdict_text, "mut");
  return { text: signed(row.verdict, row.verdict_text), tone: tone(row.verdict), ground: GROUND[row.verdict] };
}

function checkShown(cell: Cell | null, column: Column, w: Words): Shown {
  if (!cell) return plain("·", "mut");
  if (cell.state === "running")
    return { text: `${Math.round((cell.progress ?? 0) * 100)} %`, tone: "mut", progress: cell.progress ?? 0 };
  if (cell.state === "waiting") return plain(cell.verdict ? w.rehearsal.again : w.rehearsal.waiting, "mut");
  if (cell.verdict === "pass") return plain(passing(cell, column, w));
  const word = cell.verdict === "test_broke" || cell.verdict === "no_answer" ? cell.reason_text : cell.verdict_text;
  return { text: signed(cell.verdict ?? "", word), tone: tone(cell.verdict), ground: GROUND[cell.verdict ?? ""] };
}

function passing(cell: Cell, column: Column, w: Words): string {
  if (column.kind === "presence") return w.rehearsal.present;
  const offset = cell.figures.offset_ms;
  if (column.kind === "clock" && offset !== undefined) return `${offset >= 0 ? "+" : ""}${offset.toFixed(1)} ms`;
  return cell.verdict_text;
}

/** Manual items as one: the worst, else how many are done. */
function manyShown(all: (Cell | null)[], w: Words): Shown {
  const cells = all.filter((cell): cell is Cell => cell !== null);
  if (!cells.length) return plain("·", "mut");
  const worst = [...cells]
    .sort((a, b) => byVerdict(a.verdict, b.verdict))
    .find((cell) => cell.verdict && bad(cell.verdict));
  if (worst?.verdict)
    return { text: signed(worst.verdict, worst.reason_text), tone: tone(worst.verdict), ground: GROUND[worst.verdict] };
  const done = cells.filter((cell) => cell.verdict && cell.state === "done").length;
  return plain(
    done ? `${done} / ${cells.length}` : `${w.rehearsal.pending} ${cells.length}`,
    done === cells.length ? "ok" : "mut",
  );
}

/** A figure of a judged path: blank while it is tested, strong where it is the reason. */
function figureShown(
  cell: Cell | null,
  read: (cell: Cell) => { text: string; strong: boolean } | null,
  w: Words,
): Shown {
  if (cell?.state !== "done" || !cell.verdict) return plain("", "mut");
  const shown = read(cell);
  if (!shown) return plain(w.frame.none, "mut");
  return { text: shown.text, tone: shown.strong ? tone(cell.verdict) : "ok", strong: shown.strong };
}

function loss(cell: Cell) {
  const to = cell.figures.loss_to_venue_pct;
  const from = cell.figures.loss_from_venue_pct;
  if (to === undefined || from === undefined) return null;
  const strong = ["loss", "burst_loss", "line_dead"].includes(cell.reason ?? "");
  return { text: `${to.toFixed(1)} / ${from.toFixed(1)}`, strong };
}

function jitter(cell: Cell) {
  const both = [cell.figures.jitter_to_venue_p95_ms, cell.figures.jitter_from_venue_p95_ms].filter(
    (v) => v !== undefined,
  );
  return both.length ? { text: Math.max(...both).toFixed(1), strong: cell.reason === "jitter" } : null;
}

function rtt(cell: Cell) {
  const value = cell.figures.rtt_p50_ms;
  return value === undefined ? null : { text: value.toFixed(1), strong: cell.reason === "rtt" };
}

/** The check to show first of a venue: the one asked for, else the worst, else the first path. */
export function chosenCell(row: Row, columns: number[] | null): Cell | null {
  const cells = row.cells.filter((cell): cell is Cell => cell !== null);
  const asked = (columns ?? []).flatMap((at) => row.cells[at] ?? []);
  const worst = [...asked].sort((a, b) => byVerdict(a.verdict, b.verdict))[0];
  const because = row.because === null || row.because === undefined ? null : row.cells[row.because];
  return worst ?? because ?? cells.find((cell) => cell.check.startsWith("path:")) ?? cells[0] ?? null;
}
