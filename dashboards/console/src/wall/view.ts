// The wall as a whole: a seat for each stream, what is wrong beside it, and the stream itself on a click.

import { get, type Schemas } from "../api/client.ts";
import { tellNews } from "../api/news.ts";
import { tellUnrecorded } from "../frame/told.ts";
import { lang, w } from "../words/index.ts";
import { clock, span } from "../words/time.ts";
import { AlarmSound } from "./alarm.ts";
import { type Arrangement, arrange, keepArrangement, keptArrangement, ordered } from "./arrange.ts";
import { DetailView } from "./detail.ts";
import { el, fill, refill } from "./dom.ts";
import { type StreamsMessage, WallFeed } from "./feed.ts";
import { type Device, Health } from "./health.ts";
import { Large } from "./large.ts";
import { Pictures } from "./pictures.ts";
import { lookOf, nameOf, rankOf, type Stream } from "./stream.ts";
import { Tile } from "./tile.ts";

type Person = Schemas["PersonShown"];

export interface WallUser {
  /** Whether names and numbers may be read. */
  people: boolean;
  /** Opens a device. */
  open(device: Device): void;
  signedOut(): void;
}

export class WallView {
  /** Where the alarms stand; they are not the wall's. */
  readonly slot = el("div.slot");
  /** Where the names of the room's pages stand. */
  readonly boards = el("div.pages");
  readonly strip = el("section.panel.strip", { "aria-label": w().wall.wall });
  private readonly counts = el("div.counts");
  private readonly grid = el("section.wall", { "aria-label": w().wall.wall });
  private readonly list = el("section.panel.troubles", { "aria-label": w().wall.troubles });
  private readonly tiles = new Map<string, Tile>();
  private readonly byNode = new WeakMap<Element, Tile>();
  private readonly known = new Map<string, Person[]>();
  private readonly detail = new DetailView({
    tile: (id) => this.tiles.get(id),
    people: (venue) => this.known.get(venue) ?? [],
  });
  private readonly large = new Large((id) => this.open(id));
  private readonly health: Health;
  private readonly sound = new AlarmSound();
  private readonly pictures = new Pictures({
    picture: (id, at, image) => {
      this.tiles.get(id)?.draw(at, image);
      this.large.picture(id, at, image);
    },
    level: (id, rms, peak, clipped) => {
      this.tiles.get(id)?.level(rms, peak, clipped);
      this.large.level(id, rms, peak, clipped);
    },
  });
  private readonly feed: WallFeed;
  private readonly watcher: IntersectionObserver;
  private readonly resizer: ResizeObserver;
  private readonly pulse: number;
  private order: string[] = [];
  private selected = "";
  private arrangement: Arrangement = keptArrangement();

  constructor(
    root: HTMLElement,
    private readonly user: WallUser,
  ) {
    this.health = new Health((device) => user.open(device));
    const left = el("div.left", null, this.large.node, this.grid);
    fill(
      root,
      this.strip,
      left,
      el(
        "aside.beside",
        null,
        this.slot,
        this.list,
        this.detail.node,
        el("div.below", null, this.health.node, legend()),
      ),
    );
    fill(this.strip, this.boards, this.counts, this.buttons(root));
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { root: this.grid, rootMargin: "80px" });
    this.resizer = new ResizeObserver(() => arrange(this.grid, this.order.length));
    this.resizer.observe(this.grid);
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.feed = new WallFeed({
      streams: (message) => this.take(message),
      figures: (figures) => {
        for (const [id, one] of Object.entries(figures)) this.tiles.get(id)?.figure(one);
        this.detail.draw();
      },
      picture: (id, at, image) => this.pictures.picture(id, at, image),
      level: (id, rms, peak, clipped) => this.pictures.level(id, rms, peak, clipped),
      signedOut: () => user.signedOut(),
    });
    this.pulse = window.setInterval(() => this.draw(), 1000);
  }

  /** Ends everything that runs. */
  close(): void {
    clearInterval(this.pulse);
    this.feed.close();
    this.detail.close();
    this.health.close();
    this.sound.close();
    this.pictures.close();
    this.watcher.disconnect();
    this.resizer.disconnect();
  }

  private buttons(root: HTMLElement): HTMLElement {
    const words = w().wall;
    const seats = el(
      "button.btn",
      { type: "button", "aria-pressed": String(this.arrangement === "troubles") },
      words.firstTroubles,
    );
    seats.addEventListener("click", () => {
      this.arrangement = this.arrangement === "troubles" ? "seats" : "troubles";
      keepArrangement(this.arrangement);
      seats.setAttribute("aria-pressed", String(this.arrangement === "troubles"));
      this.place();
    });
    const large = el("button.btn", { type: "button", "aria-pressed": String(this.large.on) }, words.large);
    large.addEventListener("click", () => {
      this.large.turn(!this.large.on);
      large.setAttribute("aria-pressed", String(this.large.on));
      this.draw();
      this.ask();
    });
    const full = el(
      "button.btn",
      { type: "button", onclick: () => root.requestFullscreen?.().catch(() => null) },
      words.fullWall,
    );
    return el("div.actions.to-right", null, this.sound.node, seats, large, full);
  }

  private take(message: StreamsMessage): void {
    tellUnrecorded(message.unrecorded);
    const wrong = (id: string) => JSON.stringify(this.tiles.get(id)?.stream.findings.map((one) => one.rule));
    let news = false;
    for (const stream of message.changed) {
      const before = wrong(stream.id);
      this.tile(stream).take(stream);
      news ||= before !== wrong(stream.id);
    }
    if (news) tellNews();
    this.order = message.order;
    const here = new Set(message.order);
    for (const [id, tile] of this.tiles) {
      if (here.has(id)) continue;
      this.watcher.unobserve(tile.node);
      tile.node.remove();
      this.tiles.delete(id);
    }
    this.sound.hear([...this.tiles.values()].map((tile) => tile.stream));
    this.place();
    this.draw();
  }

  private tile(stream: Stream): Tile {
    let tile = this.tiles.get(stream.id);
    if (!tile) {
      tile = new Tile(stream.id, (own) => this.open(own.id));
      tile.stream = stream;
      this.tiles.set(stream.id, tile);
      this.byNode.set(tile.node, tile);
      this.watcher.observe(tile.node);
    }
    return tile;
  }

  /** Puts the seats in their order, moving only what moved. */
  private place(): void {
    const order = ordered(this.order, this.tiles, this.arrangement);
    order.forEach((tile, at) => {
      const there = this.grid.children[at];
      if (there !== tile.node) this.grid.insertBefore(tile.node, there ?? null);
    });
    arrange(this.grid, order.length);
  }

  private seen(entries: IntersectionObserverEntry[]): void {
    const now = this.feed.now();
    for (const entry of entries) {
      const tile = this.byNode.get(entry.target);
      tile?.show(entry.isIntersecting);
      if (entry.isIntersecting) tile?.tick(now);
    }
    this.ask();
  }

  private ask(): void {
    const visible = this.order.filter((id) => this.tiles.get(id)?.visible);
    this.pictures.pace(visible.length);
    this.feed.ask([...new Set([...this.large.ids(), ...visible])]);
  }

  /** Once a second and on news: ages, the list, the head line. */
  private draw(): void {
    const now = this.feed.now();
    for (const tile of this.tiles.values()) tile.tick(now);
    this.drawCounts();
    this.drawList(now);
    const streams = this.order.flatMap((id) => this.tiles.get(id)?.stream ?? []);
    if (this.large.show(streams, now)) this.ask();
    this.detail.draw();
  }

  private drawCounts(): void {
    const words = w().wall;
    const all = [...this.tiles.values()].map((tile) => tile.stream);
    const wrong = all.filter((stream) => stream.severity && stream.severity !== "information").length;
    const blind = all.filter((stream) => stream.state === "blind").length;
    const names = (floor: string) =>
      all
        .filter((stream) => stream.floor === floor)
        .map(nameOf)
        .join(w().frame.and);
    const [speaks, next] = [names("speaks"), names("next")];
    const meetings = this.health.meetings();
    refill(this.counts, JSON.stringify([all.length, wrong, blind, speaks, next, meetings, lang()]), () => [
      meetings.map((one) =>
        el(
          "span",
          null,
          el("b", null, one.name),
          " ",
          el("span.tag.air", null, one.phase),
          " ",
          el("span.num", null, one.time),
        ),
      ),
      el("b", null, words.count(all.length)),
      el("span", { className: wrong ? "urgent" : "mut" }, wrong ? "◆ " : "", words.wrong(wrong)),
      blind > 0 && el("span.blind", null, "? ", words.blind(blind)),
      speaks && el("span", null, words.speaking, " ", el("b", null, speaks)),
      next && el("span", null, words.nextUp, " ", el("b", null, next)),
      all.length === 0 && el("span.mut", null, words.noStreams),
    ]);
  }

  private drawList(now: number): void {
    const words = w().wall;
    const rows = this.order.flatMap((id) => {
      const stream = this.tiles.get(id)?.stream;
      const worst = stream?.findings[0];
      return stream && worst ? [{ stream, worst }] : [];
    });
    rows.sort(
      (a, b) =>
        rankOf(a.worst.severity) - rankOf(b.worst.severity) || Date.parse(b.worst.since) - Date.parse(a.worst.since),
    );
    const sign = JSON.stringify([
      rows.map(({ stream, worst }) => [stream.id, stream.name, worst, stream.findings.length]),
      this.selected,
      lang(),
    ]);
    refill(this.list, sign, () => [
      el("div.h", null, words.troubles, el("span.sub", null, words.troubleCount(rows.length))),
      rows.length
        ? el(
            "ol",
            null,
            rows.map(({ stream, worst }) => this.row(stream, worst)),
          )
        : el("p.quiet", null, words.allWell),
    ]);
    for (const node of this.list.querySelectorAll<HTMLElement>("[data-since]")) {
      node.textContent = span((now - Number(node.dataset.since)) / 1000);
    }
  }

  private row(stream: Stream, worst: Stream["findings"][number]): HTMLElement {
    const [look, shape] = lookOf(worst.severity);
    const more = stream.findings.length - 1;
    return el(
      "li",
      { className: stream.id === this.selected ? "sel" : "" },
      el(
        "button.row",
        { type: "button", onclick: () => this.select(stream.id, false) },
        el("b", { className: look }, `${shape} ${worst.severity_text}`),
        el("span.num", null, clock(worst.since)),
        el("b", null, nameOf(stream)),
        el("span.what", null, worst.text, more > 0 && el("span.mut", null, " ", w().wall.more(more))),
        el("span.num.mut", { "data-since": Date.parse(worst.since) }),
        worst.cause_text && el("span.cause.mut", null, worst.cause_text),
      ),
    );
  }

  private open(id: string): void {
    this.select(id, this.tiles.get(id)?.stream.viewable ?? false);
  }

  private select(id: string, play: boolean): void {
    this.tiles.get(this.selected)?.choose(false);
    this.selected = id;
    this.tiles.get(id)?.choose(true);
    this.detail.show(id, play);
    void this.readPeople(this.tiles.get(id)?.stream.venue);
    this.draw();
  }

  private async readPeople(venue: string | null | undefined): Promise<void> {
    if (!venue || !this.user.people || this.known.has(venue)) return;
    this.known.set(venue, []);
    const page = await get("/api/v1/people", { query: { venue } }).catch(() => null);
    if (page) this.known.set(venue, page.items);
    else this.known.delete(venue);
    this.detail.draw();
  }

  private key(event: KeyboardEvent): void {
    const nodes = [...this.grid.children];
    const at = nodes.indexOf(document.activeElement ?? this.grid);
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const step = steps[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    const to = nodes[at + step];
    if (to instanceof HTMLElement) to.focus();
  }
}

/** What the looks of a tile mean. */
function legend(): HTMLElement {
  const words = w().wall;
  const states = Object.entries(words.legendStates).map(([state, text]) =>
    el("li", null, el("span", { className: `swatch ${state}` }), text),
  );
  const badges = [
    el("li", null, el("span", { className: "swatch air" }), words.speaking),
    el("li", null, el("span", { className: "swatch next" }), words.nextUp),
    el(
      "li",
      null,
      el("b.urgent", null, "◆"),
      ` ${words.shapes.urgent}`,
      " · ",
      el("b.major", null, "▲"),
      ` ${words.shapes.major}`,
      " · ",
      el("b.minor", null, "●"),
      ` ${words.shapes.minor}`,
    ),
  ];
  return el("details.panel.key", null, el("summary", null, words.legend), el("ul", null, states, badges));
}
