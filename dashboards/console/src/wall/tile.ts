// One seat: picture, name, levels, one flag. Colour means that something is wrong; what we cannot look at is grey,
// never red. Pictures are drawn on a canvas and levels are painted sizes, so a hundred tiles cost little.

import { w } from "../words/index.ts";
import { clock, span } from "../words/time.ts";
import { el, fill } from "./dom.ts";
import { type Figures, lookOf, nameOf, type Stream } from "./stream.ts";

/** A picture older than this is said to be old, seconds. */
const PICTURE_FRESH = 5;
/** How many dB fill the bar. */
const SCALE_DB = 60;

/** The parts of a tile that is on the screen. */
interface Parts {
  canvas: HTMLCanvasElement;
  words: HTMLElement;
  flag: HTMLElement;
  rms: HTMLElement;
  peak: HTMLElement;
  vu: HTMLElement;
  name: HTMLElement;
  badge: HTMLElement;
  side: HTMLElement;
}

export class Tile {
  readonly node: HTMLButtonElement;
  visible = false;
  stream!: Stream;
  figures: Figures | null = null;
  private parts: Parts | null = null;
  private at: number | null = null;
  private drawn = "";
  private chosen = false;

  constructor(
    readonly id: string,
    open: (tile: Tile) => void,
  ) {
    this.node = el("button.t", { type: "button", onclick: () => open(this) });
  }

  /** Only a tile that is on the screen has an inside. */
  show(visible: boolean): void {
    if (visible === this.visible) return;
    this.visible = visible;
    if (visible) this.take(this.stream);
  }

  private inside(): Parts {
    if (this.parts) return this.parts;
    const [rms, peak] = [el("i"), el("i.peak")];
    const [name, badge, side] = [el("b"), el("span"), el("span.to-right.num")];
    const parts = {
      canvas: el("canvas.pic", { width: 320, height: 180 }),
      words: el("div.words"),
      flag: el("div.al"),
      vu: el("div.vu", { "aria-hidden": "true" }, rms, peak),
      rms,
      peak,
      name,
      badge,
      side,
    };
    fill(this.node, parts.canvas, parts.words, parts.vu, parts.flag, el("span.umd", null, name, badge, side));
    this.parts = parts;
    return parts;
  }

  take(stream: Stream): void {
    this.stream = stream;
    const [look] = lookOf(stream.severity);
    const speaks = stream.floor === "speaks";
    const kept = ["drawn", "stale"].filter((one) => this.node.classList.contains(one));
    const css = [
      "t",
      stream.state,
      look,
      speaks ? "air" : "",
      stream.floor === "next" ? "next" : "",
      this.chosen ? "sel" : "",
      ...kept,
    ];
    this.node.className = css.filter(Boolean).join(" ");
    const badge = badgeOf(stream);
    // What stands in the tile names it; one that is not drawn is named by this.
    this.node.title = stream.name;
    if (!stream.pictures) this.forget();
    if (!this.visible) return;
    const parts = this.inside();
    parts.name.textContent = nameOf(stream);
    parts.badge.className = speaks ? "tag air" : "tag";
    parts.badge.textContent = badge;
    parts.badge.hidden = !badge;
  }

  choose(chosen: boolean): void {
    this.chosen = chosen;
    this.node.classList.toggle("sel", chosen);
    this.node.setAttribute("aria-pressed", String(chosen));
  }

  figure(figures: Figures): void {
    this.figures = figures;
    if (!this.parts) return;
    const said: string[] = [];
    if (figures.loss_pct) said.push(`${w().wall.lossShort} ${figures.loss_pct.toFixed(1)} %`);
    if (figures.fps !== null && figures.fps !== undefined) said.push(`${Math.round(figures.fps)} fps`);
    this.parts.side.textContent = said.join(" · ");
  }

  draw(at: number, image: ImageBitmap): void {
    if (!this.visible) return;
    const { canvas } = this.inside();
    this.at = at;
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    this.node.classList.add("drawn");
    say(this.inside().words, this.words());
  }

  private forget(): void {
    this.at = null;
    this.node.classList.remove("drawn");
    const canvas = this.parts?.canvas;
    canvas?.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
  }

  level(rms: number | null, peak: number | null, clipped: boolean): void {
    if (!this.parts) return;
    const part = (dbfs: number | null) =>
      Math.round(dbfs === null ? 0 : 100 * Math.max(0, Math.min(1, (dbfs + SCALE_DB) / SCALE_DB)));
    const sign = `${part(rms)} ${part(peak)} ${clipped} ${rms === null}`;
    if (this.drawn === sign) return;
    this.drawn = sign;
    // A painted size, not a transform: beside a hundred canvases a transform has every layer made anew.
    this.parts.rms.style.backgroundSize = `100% ${part(rms)}%`;
    this.parts.peak.style.backgroundSize = `100% ${part(peak)}%`;
    this.parts.vu.classList.toggle("clipped", clipped);
    this.parts.vu.classList.toggle("unknown", rms === null);
  }

  /** What only the clock moves. */
  tick(now: number): void {
    if (!this.visible || !this.parts) return;
    const old = this.at === null ? null : (now - this.at) / 1000;
    const stale = this.stream.state === "live" && this.stream.pictures && old !== null && old > PICTURE_FRESH;
    this.node.classList.toggle("stale", stale);
    say(this.parts.flag, this.flag(now, stale ? old : null));
    say(this.parts.words, this.words());
  }

  private flag(now: number, old: number | null): string {
    const worst = this.stream.findings[0];
    if (this.stream.state === "blind") return `? ${this.stream.state_text}`;
    if (worst) return `${lookOf(worst.severity)[1]} ${worst.text} ${span((now - Date.parse(worst.since)) / 1000)}`;
    return old === null ? "" : w().wall.pictureOld(Math.floor(old));
  }

  private words(): string {
    const { stream, at } = this;
    if (stream.state === "waiting" || stream.state === "unwatched") return stream.state_text;
    if (stream.state === "down") {
      const last = at === null ? "" : `\n${w().wall.lastPicture(clock(new Date(at).toISOString()))}`;
      return w().wall.nothingComes(stream.state_text) + last;
    }
    if (!stream.pictures) return w().wall.noPictures;
    return at === null ? w().wall.noPictureYet : "";
  }
}

function badgeOf(stream: Stream): string {
  const words = w().wall;
  if (stream.floor === "speaks") return words.speaking;
  if (stream.floor === "next") return words.nextUp;
  if (stream.main) return words.mainTag;
  return stream.role === "venue" ? "" : (words.roles[stream.role as keyof typeof words.roles] ?? "");
}

function say(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}
