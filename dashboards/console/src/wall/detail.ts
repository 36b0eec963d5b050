// What is chosen: its picture and sound, everything that is wrong, its figures, whom to call.

import type { Schemas } from "../api/client.ts";
import { w } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { el, fill, forget, phone, refill } from "./dom.ts";
import { Player } from "./player.ts";
import { type Figures, lookOf, nameOf, type Stream } from "./stream.ts";
import type { Tile } from "./tile.ts";

type Person = Schemas["PersonShown"];

export interface DetailSource {
  tile(id: string): Tile | undefined;
  people(venue: string): Person[];
}

export class DetailView {
  readonly node = el("section.panel.detail.none", { "aria-label": w().wall.chosen, tabIndex: 0 });
  private readonly screen = el("div.screen");
  private readonly text = el("div.text");
  private id = "";
  private player: Player | null = null;

  constructor(private readonly source: DetailSource) {
    fill(this.node, el("p.quiet", null, w().wall.chooseOne));
  }

  show(id: string, play: boolean): void {
    if (this.id !== id) {
      this.close();
      this.id = id;
      this.node.classList.remove("none");
      fill(this.node, this.screen, this.text);
    }
    if (play && !this.player) this.play();
    forget(this.text);
    this.draw();
  }

  private play(): void {
    const stream = this.source.tile(this.id)?.stream;
    if (!stream) return;
    this.player = new Player(this.id, () => this.draw());
    this.player.node.setAttribute("aria-label", stream.name);
    fill(this.screen, this.player.node);
    forget(this.text);
    this.draw();
  }

  private stop(): void {
    this.close();
    forget(this.text);
    this.draw();
  }

  /** Ends what plays. */
  close(): void {
    this.player?.close();
    this.player = null;
    fill(this.screen);
  }

  draw(): void {
    const tile = this.source.tile(this.id);
    if (!tile) {
      if (!this.id) return;
      this.close();
      this.id = "";
      this.node.classList.add("none");
      fill(this.node, el("p.quiet", null, w().wall.chooseOne));
      return;
    }
    const { stream, figures } = tile;
    const people = stream.venue ? this.source.people(stream.venue) : [];
    const sign = JSON.stringify([stream, figures, people.length, this.player?.told, Boolean(this.player)]);
    refill(this.text, sign, () => [
      el("h2", null, nameOf(stream), " ", stream.venue_name && el("span.sub", null, stream.name)),
      this.buttons(stream),
      this.player?.told && el("p.say.minor", { role: "status" }, this.player.told),
      el("p.mut", null, stream.state_text, stream.since && ` · ${w().wall.since(clock(stream.since))}`),
      stream.findings.map(finding),
      figures && table(figures),
      people.map(call),
    ]);
  }

  private buttons(stream: Stream): HTMLElement {
    const { player } = this;
    const button = (css: "button.btn" | "button.btn.go", text: string, act: () => void) =>
      el(css, { type: "button", onclick: act }, text);
    return el(
      "div.actions",
      null,
      stream.viewable && !player && button("button.btn.go", w().wall.view, () => this.play()),
      player && button("button.btn", w().wall.stop, () => this.stop()),
      player && button("button.btn", w().wall.full, () => player.full()),
    );
  }
}

function finding(one: Stream["findings"][number]): HTMLElement {
  const [look, shape] = lookOf(one.severity);
  return el(
    "div",
    { className: `say ${look}` },
    el("b", null, `${shape} ${one.severity_text}`),
    " ",
    one.text,
    el("div.mut.s", null, w().wall.since(clock(one.since)), one.cause_text && ` · ${one.cause_text}`),
    one.next_step && el("div", null, w().wall.next, one.next_step),
  );
}

function table(it: Figures): HTMLElement {
  const words = w().wall;
  const known = (value: number | null | undefined, text: (v: number) => string) =>
    value === null || value === undefined ? "" : text(value);
  const picture = [it.video, it.size?.join("×"), known(it.fps, (v) => `${v.toFixed(1)} fps`)]
    .filter(Boolean)
    .join(" · ");
  const rows: [string, string | null | undefined][] = [
    [words.picture, picture],
    [words.sound, it.audio],
    [words.rate, known(it.kbps, (v) => `${v} kbit/s`)],
    [words.loss, known(it.loss_pct, (v) => `${v.toFixed(1)} %`)],
    [words.jitter, known(it.jitter_ms, (v) => `${v.toFixed(1)} ms`)],
  ];
  return el(
    "dl",
    null,
    rows.filter(([, value]) => value).map(([name, value]) => [el("dt", null, name), el("dd.num", null, value)]),
  );
}

function call(person: Person): HTMLElement {
  const role = person.role === "b" ? w().rehearsal.roleB : w().rehearsal.roleA;
  return el(
    "div.call",
    null,
    phone(),
    " ",
    el("b", null, role),
    " ",
    person.name,
    " ",
    person.numbers.map((one) => el("span.num", null, one.number, " ")),
  );
}
