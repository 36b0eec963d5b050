// The matrix: venues down, checks across. Elements are kept and patched, so that focus and eyes stay where they are.

import { el, fill, refill } from "./dom.js";
import { w } from "./words.js";

const SIGN = { warn: "▲", fail: "◆", test_broke: "?", no_answer: "●", waived: "–", pass: "" };
const TONE = { warn: "major", fail: "urgent", test_broke: "broke", no_answer: "minor", waived: "mut", pass: "ok" };

/** The class of a verdict's colour. */
export const tone = (verdict) => TONE[verdict] || "mut";

/** A verdict's shape and word. */
export const signed = (verdict, text) => (SIGN[verdict] ? SIGN[verdict] + " " : "") + text;

/** Whether a venue needs somebody. */
export const troubled = (row) =>
  ["warn", "fail", "test_broke", "no_answer"].includes(row.verdict) || row.cells.some((cell) => cell && bad(cell.verdict));

const bad = (verdict) => ["warn", "fail", "test_broke", "no_answer"].includes(verdict);

export class MatrixView {
  /** `onselect(venue, check)` is called when a cell gets the focus or a click. */
  constructor(onselect) {
    this.onselect = onselect;
    this.table = el("table.mx", { role: "grid", onkeydown: (event) => this.key(event) });
    this.node = el("div.panel.scroll", null, this.table);
    this.rows = new Map();
  }

  /** Shows a matrix. `selected` is `{venue, check}`. */
  show(matrix, selected, onlyProblems) {
    const plan = columns(matrix);
    const rows = matrix.rows.filter((row) => !onlyProblems || troubled(row));
    const shape = JSON.stringify([plan.map((c) => c.head), rows.map((row) => row.venue), w().venue]);
    if (this.shape !== shape) this.build(shape, plan, rows);
    rows.forEach((row, at) => this.patch(row, plan, selected, at));
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = w().quiet;
  }

  build(shape, plan, rows) {
    this.shape = shape;
    this.plan = plan;
    this.rows.clear();
    const head = el("tr", null, plan.map((c) => el("th." + c.css, { scope: "col", title: c.title || "" }, c.head)));
    const body = el("tbody");
    for (const row of rows) {
      const cells = plan.map((c, i) => el("td." + c.css, { role: "gridcell", tabIndex: -1, onfocus: () => this.onselect(row.venue, this.check(row.venue, i)), onclick: (event) => event.currentTarget.focus() }));
      const line = el("tr", null, cells);
      this.rows.set(row.venue, { line, cells });
      body.append(line);
    }
    this.empty = el("p.quiet", { hidden: true });
    fill(this.table, el("thead", null, head), body);
    fill(this.node, this.table, this.empty);
  }

  patch(row, plan, selected, at) {
    const { line, cells } = this.rows.get(row.venue);
    line.vcRow = row;
    const chosen = selected && selected.venue === row.venue;
    line.classList.toggle("sel", Boolean(chosen));
    line.setAttribute("aria-selected", String(Boolean(chosen)));
    plan.forEach((column, i) => {
      const shown = column.show(row);
      const cell = cells[i];
      const check = column.check(row);
      const here = chosen && (selected.check ? selected.check === check && column.lead : i === 0);
      cell.className = [column.css.replace(/\./g, " "), shown.bg || "", here ? "here" : ""].join(" ").trim();
      cell.tabIndex = here || (!selected && at === 0 && i === 0) ? 0 : -1;
      refill(cell, shown.sign, () => shown.make());
    });
  }

  check(venue, column) {
    const row = this.rows.get(venue).line.vcRow;
    return this.plan[column].check(row);
  }

  /** Arrow keys, Home and End move through the cells. */
  key(event) {
    const td = event.target.closest("td");
    if (!td) return;
    const tr = td.parentNode;
    const column = [...tr.children].indexOf(td);
    const shown = (node) => node && node.offsetParent !== null;
    const along = (step) => { let next = column + step; while (tr.children[next] && !shown(tr.children[next])) next += step; return tr.children[next]; };
    const target = {
      ArrowLeft: () => along(-1), ArrowRight: () => along(1),
      ArrowUp: () => tr.previousElementSibling && tr.previousElementSibling.children[column],
      ArrowDown: () => tr.nextElementSibling && tr.nextElementSibling.children[column],
      Home: () => tr.children[0], End: () => tr.children[tr.children.length - 1],
    }[event.key];
    const next = target && target();
    if (target) event.preventDefault();
    if (next) next.focus();
  }
}

/** What stands where: fixed columns, then each check with its figures, then what people say, each kind as one. */
function columns(matrix) {
  const list = [
    { head: w().venue, css: "name", check: () => null, lead: true, show: nameCell },
    { head: w().verdict, css: "verdict", check: (row) => (row.because === null ? null : row.cells[row.because].check), lead: false, show: verdictCell },
  ];
  matrix.columns.forEach((column, index) => {
    const of = (row) => row.cells[index];
    const check = (row) => (of(row) ? of(row).check : null);
    if (column.kind === "path") {
      const css = "v" + (column.id.startsWith("path.primary") ? ".primary" : ".backup");
      list.push({ head: column.title, css: "g", check, lead: true, show: (row) => checkCell(of(row)) });
      list.push({ head: w().loss, title: w().lossTitle, css, check, show: (row) => figure(of(row), loss) });
      list.push({ head: w().jitter, title: w().jitterTitle, css, check, show: (row) => figure(of(row), jitter) });
      list.push({ head: w().rtt, title: w().rttTitle, css, check, show: (row) => figure(of(row), rtt) });
    } else if (!byPeople(column)) {
      list.push({ head: column.title, css: "a", check, lead: true, show: (row) => checkCell(of(row), column.kind) });
    }
  });
  for (const [kind, head] of [["confirm", w().confirm], ["room", w().room]]) {
    const items = matrix.columns.map((column, i) => (column.kind === kind ? i : -1)).filter((i) => i >= 0);
    const of = (row) => items.map((i) => row.cells[i]).filter(Boolean);
    const check = (row) => (of(row).length ? of(row)[0].check : null);
    if (items.length) list.push({ head, css: "g", check, lead: true, show: (row) => roomCell(of(row)) });
  }
  return list;
}

/** Whether people answer what stands in a column: the manual items, and what they see and hear. */
export const byPeople = (column) => column.kind === "room" || column.kind === "confirm";

const plain = (text, css) => ({ sign: text + (css || ""), make: () => el("span." + (css || "ok"), null, text) });

function nameCell(row) {
  return { sign: row.name + row.main + w().main, make: () => [row.name, row.main && " ", row.main && el("span.tag", null, w().main)] };
}

function verdictCell(row) {
  if (!row.verdict) return plain(row.verdict_text, "mut");
  return { ...plain(signed(row.verdict, row.verdict_text), tone(row.verdict)), bg: background(row.verdict) };
}

const background = (verdict) => ({ fail: "bg-urgent", warn: "bg-major", test_broke: "bg-broke", no_answer: "bg-minor" }[verdict] || "");

function checkCell(cell, kind) {
  if (!cell) return plain("·", "mut");
  if (cell.state === "running") return bar(cell.progress || 0);
  if (cell.state === "waiting") return plain(cell.verdict ? w().again : w().waiting, "mut");
  if (cell.verdict === "pass") return plain(passing(cell, kind));
  const word = cell.verdict === "test_broke" || cell.verdict === "no_answer" ? cell.reason_text : cell.verdict_text;
  return { ...plain(signed(cell.verdict, word), tone(cell.verdict)), bg: background(cell.verdict) };
}

function passing(cell, kind) {
  if (kind === "presence") return w().present;
  const offset = cell.figures.offset_ms;
  if (kind === "clock" && offset !== undefined) return (offset >= 0 ? "+" : "") + offset.toFixed(1) + " ms";
  return cell.verdict_text;
}

function bar(share) {
  const percent = Math.round(share * 100);
  return {
    sign: "bar" + percent,
    make: () => el("progress", { max: 100, value: percent, "aria-label": percent + " %" }),
  };
}

function roomCell(cells) {
  if (!cells.length) return plain("·", "mut");
  const worst = cells.find((cell) => cell.verdict === "fail") || cells.find((cell) => cell.verdict === "no_answer") || cells.find((cell) => cell.verdict === "warn");
  const done = cells.filter((cell) => cell.verdict && cell.state === "done" && cell.verdict !== "no_answer").length;
  const text = done + " / " + cells.length;
  if (worst) return { ...plain(signed(worst.verdict, worst.reason_text), tone(worst.verdict)), bg: background(worst.verdict) };
  return plain(text, done === cells.length ? "ok" : "mut");
}

/** A figure of a judged path: blank while it is tested, strong where it is the reason. */
function figure(cell, read) {
  if (!cell || cell.state !== "done" || !cell.verdict) return plain("", "mut");
  const shown = read(cell);
  if (!shown) return plain(w().none, "mut");
  const css = shown.strong ? tone(cell.verdict) : "ok";
  return { sign: shown.text + css + shown.strong, make: () => el((shown.strong ? "b." : "span.") + css, null, shown.text) };
}

function loss(cell) {
  const to = cell.figures.loss_to_venue_pct, from = cell.figures.loss_from_venue_pct;
  if (to === undefined || from === undefined) return null;
  return { text: to.toFixed(1) + " / " + from.toFixed(1), strong: ["loss", "burst_loss", "line_dead"].includes(cell.reason) };
}

function jitter(cell) {
  const both = [cell.figures.jitter_to_venue_p95_ms, cell.figures.jitter_from_venue_p95_ms].filter((v) => v !== undefined);
  return both.length ? { text: Math.max(...both).toFixed(1), strong: cell.reason === "jitter" } : null;
}

function rtt(cell) {
  const value = cell.figures.rtt_p50_ms;
  return value === undefined ? null : { text: value.toFixed(1), strong: cell.reason === "rtt" };
}
