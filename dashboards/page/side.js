// The venue being worked on: whom to call, what is wrong, what to do, the figures, and the manual items.

import { el, fill, icon, ask } from "./dom.js";
import { get, post } from "./api.js";
import { w, clock } from "./words.js";
import { byPeople, tone, signed } from "./matrix.js";

export class SideView {
  /** `may` says what the user may do; `run(promise)` carries a command out and tells what failed. */
  constructor(may, run) {
    this.may = may;
    this.run = run;
    this.node = el("aside.panel.side", { "aria-label": w().venue });
    this.people = new Map();
  }

  /** Shows a venue with one of its checks. */
  show(matrix, row, check) {
    const sign = JSON.stringify([row, check, matrix.round, w().venue, this.people.has(row.venue)]);
    if (this.sign === sign) return;
    const focus = this.node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.sign = sign;
    this.row = row;
    this.matrix = matrix;
    const cell = this.chosen(row, check);
    fill(this.node, this.head(row, matrix), this.says(row, cell), cell && this.figures(cell), this.actions(row, cell), this.said(row, matrix, "confirm"), this.said(row, matrix, "room"));
    const back = focus && this.node.querySelector(`[data-key="${CSS.escape(focus)}"]`);
    if (back) back.focus();
    this.fetchPeople(row.venue);
  }

  /** Nothing to show. */
  clear() {
    this.sign = "";
    fill(this.node);
  }

  /** The check asked for, else the worst, else the first path. */
  chosen(row, check) {
    const cells = row.cells.filter(Boolean);
    return cells.find((cell) => cell.check === check)
      || (row.because !== null && row.cells[row.because])
      || cells.find((cell) => cell.check.startsWith("path:")) || cells[0];
  }

  async fetchPeople(venue) {
    if (this.people.has(venue) || !this.may.people) return;
    this.people.set(venue, null);
    const page = await get("/api/v1/people?venue=" + encodeURIComponent(venue)).catch(() => null);
    if (!page) { this.people.delete(venue); return; }
    this.people.set(venue, page.items);
    if (this.row && this.row.venue === venue) {
      const calls = this.node.querySelector(".calls");
      if (calls) fill(calls, this.calls(venue));
    }
  }

  head(row, matrix) {
    const links = row.cells.filter((cell) => cell && cell.link).map((cell) => cell.link);
    return el("div", null,
      el("h2", null, row.name, " ", row.main && el("span.tag", null, w().main)),
      links.length > 0 && el("div.mut.s", null, links.join(" · ")),
      this.may.people && el("div.calls", { "aria-label": w().calls }, this.calls(row.venue)));
  }

  calls(venue) {
    const people = this.people.get(venue);
    if (!people) return [];
    if (!people.length) return [el("span.mut", null, w().noCalls)];
    return people.map((person) => el("div.call", null, icon("phone"), " ",
      el("b", null, person.role === "b" ? w().roleB : w().roleA), " ", person.name, " ",
      person.numbers.map((number) => el("span.num", null, number.number, " "))));
  }

  /** Everything wrong at the venue, worst first; the chosen one in full. */
  says(row, chosen) {
    const order = ["fail", "no_answer", "test_broke", "warn", "waived"];
    const wrong = row.cells.filter((cell) => cell && cell.verdict && cell.verdict !== "pass" && cell.state === "done");
    wrong.sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
    if (!wrong.length) return row.verdict === "pass" ? el("p.mut", null, w().allGood) : null;
    const same = new Map();
    for (const cell of wrong) {
      const key = cell.verdict + cell.text;
      if (same.has(key)) same.get(key).push(cell); else same.set(key, [cell]);
    }
    return [...same.values()].map((cells) => this.say(cells, cells.includes(chosen)));
  }

  say(cells, full) {
    const [cell] = cells;
    const what = cells.map((one) => this.title(one)).join("、");
    return el("div.say." + tone(cell.verdict), null,
      el("b." + tone(cell.verdict), null, signed(cell.verdict, cell.verdict_text)), " · ", what,
      el("div", null, cell.waived ? w().waivedBy(cell.waived.by, cell.waived.why) : cell.text),
      cell.room && cell.room.note && el("div", null, cell.room.note),
      (full || cell.verdict === "fail") && cell.next_step && el("div", null, el("b", null, w().next), cell.next_step));
  }

  title(cell) {
    if (cell.link) return cell.link;
    const at = this.row.cells.indexOf(cell);
    return this.matrix.columns[at].title;
  }

  figures(cell) {
    const rows = cell.shown.map((figure) => [figure.label, figure.value]);
    if (cell.quality_text) rows.push([w().quality, cell.quality_text]);
    if (cell.judged_at) rows.push([w().judgedAt, clock(cell.judged_at) + (cell.attempt > 1 ? ` · ${w().attempt} ${cell.attempt}` : "")]);
    const before = cell.previous;
    const change = before && { worse: "urgent", better: "ok", same: "mut" }[before.change];
    return el("div", null, el("h3", null, this.title(cell)), el("dl", null,
      rows.map(([label, value]) => [el("dt", null, label), el("dd.num", null, value)]),
      el("dt", null, w().lastRound),
      el("dd", null, before ? [before.verdict_text, before.verdict !== "pass" && " · " + before.text, " ", cell.verdict && el("span." + change, null, w()[before.change])] : w().noLast)));
  }

  actions(row, cell) {
    const round = "/api/v1/rounds/" + this.matrix.round;
    const retest = (scope) => () => this.run(post(round + "/retest", { scope }));
    const measured = cell && !byPeople(this.matrix.columns[row.cells.indexOf(cell)]);
    return el("div.actions", null,
      this.may.work && measured && el("button.btn.go", { type: "button", "data-key": "cell", onclick: retest({ cell: cell.key }) }, w().retestCell),
      this.may.work && el("button.btn", { type: "button", "data-key": "venue", onclick: retest({ venue: row.venue }) }, w().retestVenue),
      this.may.waive && cell && el("button.btn", { type: "button", "data-key": "waive", onclick: () => this.waive(cell) }, w().waive));
  }

  async waive(cell) {
    const round = "/api/v1/rounds/" + this.matrix.round;
    const why = await ask(w().waiveTitle + " · " + this.row.name + " · " + this.title(cell), (done) => {
      const text = el("textarea", { required: true, rows: 3, maxLength: 300 });
      return dialogForm(done, () => text.value.trim(), el("label", null, el("span", null, w().why), text));
    });
    if (why) this.run(post(round + "/waive", { key: cell.key, why }));
  }

  /** What people are to say: the items of one kind, each with what was said and a button. */
  said(row, matrix, kind) {
    const items = row.cells.map((cell, i) => [cell, matrix.columns[i]]).filter(([cell, column]) => cell && column.kind === kind);
    if (!items.length) return null;
    const filled = items.filter(([cell]) => cell.room || cell.waived).length;
    return el("section", null,
      el("h3", null, w()[kind], " ", el("span.sub", null, w().filled(filled, items.length), this.may.work && " · " + w().byPhone)),
      el("ul.room", null, items.map(([cell, column]) => this.item(cell, column))));
  }

  item(cell, column) {
    const found = cell.room;
    const state = found ? found.outcome_text : cell.waived ? cell.verdict_text : cell.verdict === "no_answer" ? signed("no_answer", cell.reason_text) : w().waiting;
    const sign = found && found.outcome === "in_order" ? icon("done") : found && found.outcome === "faulty" ? el("b.urgent", null, "◆") : icon("ring");
    return el("li", null, sign, el("span.item", null, column.title),
      el("span." + (found && found.outcome === "faulty" ? "urgent" : "mut"), null, state, found && " " + clock(found.at).slice(0, 5)),
      this.may.work && el("button.btn.small", { type: "button", "data-key": cell.check, "aria-label": w().record + " " + column.title, onclick: () => this.record(cell, column) }, w().record));
  }

  async record(cell, column) {
    const people = this.people.get(this.row.venue) || [];
    const round = "/api/v1/rounds/" + this.matrix.round;
    const answer = await ask(this.row.name + " · " + column.title, (done) => {
      const outcome = choice(w().verdict, ["in_order", "faulty", "not_applicable"].map((v) => [v, w()[v]]));
      const from = choice(w().phoneFrom, [["", w().self], ...people.map((p) => [p.id, p.name])]);
      const note = el("textarea", { rows: 2, maxLength: 300 });
      const value = () => ({ outcome: outcome.select.value, note: note.value.trim(), by_telephone_from: from.select.value || null });
      return dialogForm(done, value, outcome.node, from.node, el("label", null, el("span", null, w().note), note));
    });
    if (answer) this.run(post(round + "/" + column.kind, { venue: this.row.venue, item: cell.key.item, ...answer }));
  }
}

/** A select with its label. */
export function choice(label, options) {
  const select = el("select", null, options.map(([value, text]) => el("option", { value }, text)));
  return { select, node: el("label", null, el("span", null, label), select) };
}

/** The form inside a dialog, with its two buttons. */
export function dialogForm(done, value, ...fields) {
  return el("form", { onsubmit: (event) => { event.preventDefault(); done(value()); } }, fields,
    el("div.actions", null,
      el("button.btn.go", { type: "submit" }, w().ok),
      el("button.btn", { type: "button", onclick: () => done(undefined) }, w().cancel)));
}
