// The wall 会中: a fixed seat for each stream, what is wrong first beside it, and the stream itself on a click.
//
// Colour means that something is wrong; a stream that we cannot look at is grey, never red. Pictures are drawn on
// canvases and levels are transforms, so a hundred tiles cost little.

import { el, fill, refill, icon } from "./dom.js";
import { get } from "./api.js";
import { w, clock, span, lang } from "./words.js";
import { WallFeed } from "./feed.js";
import { Player } from "./player.js";

/** A picture older than this is said to be old, seconds. */
const PICTURE_FRESH = 5;
/** The narrowest tile on which anything is told apart, pixels. */
const SMALLEST = 88;
/** How a severity looks: class and shape. */
const LOOKS = { critical: ["urgent", "◆"], severe: ["urgent", "◆"], warning: ["major", "▲"], information: ["minor", "●"] };
/** The order of severities, worst first. */
const RANK = { critical: 0, severe: 1, warning: 2, information: 3 };

/** The room as a whole. */
export class WallView {
  constructor(may, on) {
    this.may = may;
    this.tiles = new Map();
    this.order = [];
    this.selected = null;
    this.people = new Map();
    this.strip = el("section.panel.strip");
    this.grid = el("section.wall", { "aria-label": w().wall });
    this.list = el("section.panel.troubles", { "aria-label": w().troubles });
    this.detail = new DetailView(this);
    this.node = [this.strip, this.grid, el("aside.beside", null, this.list, this.detail.node)];
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { root: this.grid, rootMargin: "80px" });
    this.resizer = new ResizeObserver(() => this.arrange());
    this.resizer.observe(this.grid);
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.feed = new WallFeed({
      streams: (message) => this.take(message), figures: (figures) => this.figures(figures), picture: (id, at, image) => this.picture(id, at, image),
      level: (id, rms, peak, clipped) => this.level(id, rms, peak, clipped), signedOut: on.signedOut,
    });
    this.unrecorded = on.unrecorded;
  }

  /** Ends everything that runs. */
  close() {
    this.feed.close();
    this.detail.close();
    this.watcher.disconnect();
    this.resizer.disconnect();
  }

  age() { return this.feed.age(); }

  take(message) {
    this.unrecorded(message.unrecorded);
    for (const stream of message.changed) this.tile(stream.id).show(stream);
    this.order = message.order;
    for (const [id, tile] of this.tiles) {
      if (message.order.includes(id)) continue;
      this.watcher.unobserve(tile.node);
      tile.node.remove();
      this.tiles.delete(id);
    }
    message.order.forEach((id, at) => {
      const node = this.tiles.get(id).node;
      if (this.grid.children[at] !== node) this.grid.insertBefore(node, this.grid.children[at] || null);
    });
    this.arrange();
    this.draw();
  }

  tile(id) {
    let tile = this.tiles.get(id);
    if (!tile) {
      tile = new Tile(id, () => this.select(id, true), () => this.select(id, false));
      this.tiles.set(id, tile);
      this.watcher.observe(tile.node);
    }
    return tile;
  }

  figures(figures) {
    for (const [id, one] of Object.entries(figures)) {
      const tile = this.tiles.get(id);
      if (tile) tile.figure(one);
    }
    this.detail.draw();
  }

  picture(id, at, image) {
    const tile = this.tiles.get(id);
    if (tile) tile.draw(at, image);
  }

  level(id, rms, peak, clipped) {
    const tile = this.tiles.get(id);
    if (tile) tile.level(rms, peak, clipped);
  }

  seen(entries) {
    for (const entry of entries) {
      const tile = [...this.tiles.values()].find((tile) => tile.node === entry.target);
      if (tile) tile.visible = entry.isIntersecting;
    }
    this.feed.ask(this.order.filter((id) => this.tiles.get(id) && this.tiles.get(id).visible));
  }

  /** As many columns as let every tile be seen at once, as large as may be. */
  arrange() {
    const count = this.order.length;
    const { clientWidth: width, clientHeight: height } = this.grid;
    if (!count || !width) return;
    let best = 1, size = 0;
    for (let columns = 1; columns <= Math.min(count, 16); columns += 1) {
      const rows = Math.ceil(count / columns);
      const fits = Math.min(width / columns - 6, (height / rows - 6) * 16 / 9);
      if (fits > size) { size = fits; best = columns; }
    }
    // Smaller than this nothing is told apart: then the wall scrolls.
    if (size < SMALLEST) best = Math.max(1, Math.floor(width / (SMALLEST + 12)));
    const tall = Math.max(size, SMALLEST) * 9 / 16;
    this.grid.style.gridTemplateColumns = `repeat(${best}, minmax(0, ${Math.floor(Math.max(size, SMALLEST))}px))`;
    this.grid.style.gridAutoRows = Math.floor(tall) + "px";
    this.grid.classList.toggle("small", size < 190);
  }

  /** Once a second and on news: ages, the list, the head line. */
  draw() {
    const now = this.feed.now();
    for (const tile of this.tiles.values()) tile.tick(now);
    this.drawStrip();
    this.drawList(now);
    this.detail.draw();
  }

  drawStrip() {
    const all = [...this.tiles.values()].map((tile) => tile.stream);
    const wrong = all.filter((stream) => stream.severity && stream.severity !== "information").length;
    const blind = all.filter((stream) => stream.state === "blind").length;
    const speaking = all.filter((stream) => stream.floor === "speaks").map((stream) => stream.venue_name || stream.name);
    const next = all.filter((stream) => stream.floor === "next").map((stream) => stream.venue_name || stream.name);
    refill(this.strip, JSON.stringify([all.length, wrong, blind, speaking, next, lang()]), () => [
      el("b", null, w().wallCount(all.length)),
      el("span", { class: wrong ? "urgent" : "mut" }, wrong ? "◆ " : "", w().wrongCount(wrong)),
      blind > 0 && el("span.blind", null, "? ", w().blindCount(blind)),
      speaking.length > 0 && el("span", null, w().speaking, " ", el("b", null, speaking.join(w().and))),
      next.length > 0 && el("span", null, w().nextUp, " ", el("b", null, next.join(w().and))),
      all.length === 0 && el("span.mut", null, w().noStreams),
    ]);
  }

  drawList(now) {
    const rows = [];
    for (const id of this.order) {
      const { stream } = this.tiles.get(id);
      const worst = stream.findings[0];
      if (worst) rows.push({ stream, worst });
    }
    rows.sort((a, b) => RANK[a.worst.severity] - RANK[b.worst.severity] || Date.parse(b.worst.since) - Date.parse(a.worst.since));
    const sign = JSON.stringify([rows.map(({ stream, worst }) => [stream.id, stream.name, worst, stream.findings.length]), this.selected, lang()]);
    refill(this.list, sign, () => [
      el("div.h", null, w().troubles, el("span.sub", null, w().troubleCount(rows.length))),
      rows.length ? el("ol", null, rows.map(({ stream, worst }) => this.row(stream, worst))) : el("p.quiet", null, w().allWell),
    ]);
    this.list.querySelectorAll("[data-since]").forEach((node) => { node.textContent = span((now - Number(node.dataset.since)) / 1000); });
  }

  row(stream, worst) {
    const [look, shape] = LOOKS[worst.severity];
    const since = Date.parse(worst.since);
    return el("li", { class: stream.id === this.selected ? "sel" : "" },
      el("button.row", { type: "button", onclick: () => this.select(stream.id, false) },
        el("b", { class: look }, shape + " " + worst.severity_text), el("span.num", null, clock(worst.since)),
        el("b", null, stream.venue_name || stream.name), el("span.what", null, worst.text, stream.findings.length > 1 && el("span.mut", null, " " + w().more(stream.findings.length - 1))),
        el("span.num.mut", { "data-since": since }), worst.cause_text && el("span.cause.mut", null, worst.cause_text)));
  }

  select(id, play) {
    this.selected = id;
    for (const tile of this.tiles.values()) tile.node.classList.toggle("sel", tile.id === id);
    this.detail.show(id, play);
    this.fetchPeople(this.tiles.get(id).stream.venue);
    this.draw();
  }

  async fetchPeople(venue) {
    if (!venue || !this.may.people || this.people.has(venue)) return;
    this.people.set(venue, []);
    const page = await get("/api/v1/people?venue=" + encodeURIComponent(venue)).catch(() => null);
    if (!page) { this.people.delete(venue); return; }
    this.people.set(venue, page.items);
    this.detail.draw();
  }

  key(event) {
    const at = this.order.findIndex((id) => this.tiles.get(id).node === document.activeElement);
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    const to = this.order[at + step];
    if (to) this.tiles.get(to).node.focus();
  }
}

/** One seat. */
class Tile {
  constructor(id, open, pick) {
    this.id = id;
    this.visible = false;
    this.at = null;
    this.canvas = el("canvas.pic", { width: 320, height: 180 });
    this.words = el("div.words");
    this.flag = el("div.al");
    this.rms = el("i");
    this.peak = el("i.peak");
    this.vu = el("div.vu", { "aria-hidden": "true" }, this.rms, this.peak);
    this.name = el("b");
    this.badge = el("span");
    this.side = el("span.to-right.num");
    this.node = el("button.t", { type: "button", onclick: () => (this.stream.viewable ? open() : pick()) },
      this.canvas, this.words, this.vu, this.flag, el("span.umd", null, this.name, this.badge, this.side));
  }

  show(stream) {
    this.stream = stream;
    const worst = stream.findings[0];
    const look = stream.severity ? LOOKS[stream.severity][0] : "";
    const speaking = stream.floor === "speaks";
    this.node.className = ["t", stream.state, look, speaking ? "air" : "", stream.floor === "next" ? "next" : "", this.node.classList.contains("sel") ? "sel" : ""].filter(Boolean).join(" ");
    this.name.textContent = stream.venue_name || stream.name;
    this.badge.className = "tag" + (speaking ? " air" : "");
    this.badge.textContent = speaking ? w().speakingTag : stream.floor === "next" ? w().nextTag : stream.main ? w().main : stream.role !== "venue" ? w()[stream.role] : "";
    this.badge.hidden = !this.badge.textContent;
    this.node.setAttribute("aria-label", [this.name.textContent, this.badge.textContent, worst ? worst.severity_text + " " + worst.text : stream.state_text].filter(Boolean).join("，"));
    this.node.title = stream.name;
    if (!stream.pictures) this.forget();
  }

  figure(figures) {
    this.figures = figures;
    const parts = [];
    if (figures.loss_pct !== null && figures.loss_pct !== undefined && figures.loss_pct > 0) parts.push(`${w().lossShort} ${figures.loss_pct.toFixed(1)} %`);
    if (figures.fps !== null && figures.fps !== undefined) parts.push(`${Math.round(figures.fps)} fps`);
    this.side.textContent = parts.join(" · ");
  }

  draw(at, image) {
    this.at = at;
    const context = this.canvas.getContext("2d");
    if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
      this.canvas.width = image.width;
      this.canvas.height = image.height;
    }
    context.drawImage(image, 0, 0);
    this.node.classList.add("drawn");
  }

  forget() {
    this.at = null;
    this.node.classList.remove("drawn");
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  level(rms, peak, clipped) {
    // 60 dB fill the bar; `null` when nothing is known.
    const part = (dbfs) => (dbfs === null ? 0 : Math.max(0, Math.min(1, (dbfs + 60) / 60)));
    const [low, high] = [part(rms).toFixed(2), part(peak).toFixed(2)];
    if (this.drawn === low + high + clipped) return;
    this.drawn = low + high + clipped;
    this.rms.style.transform = `scaleY(${low})`;
    this.peak.style.transform = `scaleY(${high})`;
    this.vu.classList.toggle("clipped", clipped);
    this.vu.classList.toggle("unknown", rms === null);
  }

  /** What only the clock moves. */
  tick(now) {
    const { stream } = this;
    const worst = stream.findings[0];
    const old = this.at === null ? null : (now - this.at) / 1000;
    const stale = stream.state === "live" && stream.pictures && old !== null && old > PICTURE_FRESH;
    this.node.classList.toggle("stale", stale);
    let flag = "";
    if (stream.state === "blind") flag = "? " + stream.state_text;
    else if (worst) flag = `${LOOKS[worst.severity][1]} ${worst.text} ${span((now - Date.parse(worst.since)) / 1000)}`;
    else if (stale) flag = w().pictureOld(Math.floor(old));
    if (this.flag.textContent !== flag) this.flag.textContent = flag;
    this.flag.hidden = !flag;
    let words = "";
    if (stream.state === "waiting" || stream.state === "unwatched") words = stream.state_text;
    else if (stream.state === "down") words = w().nothingComes(stream.state_text) + (this.at === null ? "" : "\n" + w().lastPicture(clock(this.at)));
    else if (!stream.pictures) words = w().noPictures;
    else if (this.at === null) words = w().noPictureYet;
    if (this.words.textContent !== words) this.words.textContent = words;
    this.words.hidden = !words;
  }
}

/** What is chosen: its picture and sound, everything that is wrong, its figures, whom to call. */
class DetailView {
  constructor(wall) {
    this.wall = wall;
    this.id = null;
    this.player = null;
    this.node = el("section.panel.detail", { "aria-label": w().chosen });
    this.screen = el("div.screen");
    this.text = el("div.text");
    fill(this.node, el("p.quiet", null, w().chooseOne));
  }

  show(id, play) {
    if (this.id !== id) {
      this.close();
      this.id = id;
      fill(this.node, this.screen, this.text);
    }
    if (play && !this.player) this.play();
    this.text.vcSign = null;
    this.draw();
  }

  play() {
    const { stream } = this.wall.tiles.get(this.id);
    this.player = new Player(this.id, () => this.stop(), () => this.draw());
    fill(this.screen, this.player.node);
    this.player.node.setAttribute("aria-label", stream.name);
    this.draw();
  }

  stop() {
    this.close();
    this.text.vcSign = null;
    this.draw();
  }

  close() {
    if (this.player) this.player.close();
    this.player = null;
    fill(this.screen);
  }

  draw() {
    const tile = this.id && this.wall.tiles.get(this.id);
    if (!tile) {
      if (this.id) { this.close(); this.id = null; fill(this.node, el("p.quiet", null, w().chooseOne)); }
      return;
    }
    const { stream, figures } = tile;
    const people = this.wall.people.get(stream.venue) || [];
    const sign = JSON.stringify([stream, figures, people.length, Boolean(this.player), this.player && this.player.told, lang()]);
    refill(this.text, sign, () => [
      el("h2", null, stream.venue_name || stream.name, " ", el("span.sub", null, stream.venue_name ? stream.name : "")),
      el("div.actions", null,
        stream.viewable && !this.player && el("button.btn.go", { type: "button", onclick: () => this.play() }, w().view),
        this.player && el("button.btn", { type: "button", onclick: () => this.stop() }, w().stopView),
        this.player && el("button.btn", { type: "button", onclick: () => this.player.full() }, w().fullScreen)),
      this.player && this.player.told && el("p.say.minor", { role: "status" }, this.player.told),
      el("p.mut", null, stream.state_text, stream.since && " · " + w().since(clock(stream.since))),
      stream.findings.map((finding) => el("div", { class: "say " + LOOKS[finding.severity][0] },
        el("b", null, LOOKS[finding.severity][1] + " " + finding.severity_text), " ", finding.text, el("div.mut.s", null, w().since(clock(finding.since)), finding.cause_text && " · " + finding.cause_text),
        finding.next_step && el("div", null, w().next, finding.next_step))),
      figures && this.figures(figures),
      people.map((person) => el("div.call", null, icon("phone"), " ", el("b", null, person.role === "b" ? w().roleB : w().roleA), " ", person.name, " ",
        person.numbers.map((number) => el("span.num", null, number.number, " ")))),
    ]);
  }

  figures(it) {
    const rows = [
      [w().pictureWord, [it.video, it.size && it.size.join("×"), it.fps !== null && it.fps !== undefined && `${it.fps.toFixed(1)} fps`].filter(Boolean).join(" · ")],
      [w().soundWord, it.audio], [w().rate, it.kbps !== null && it.kbps !== undefined && `${it.kbps} kbit/s`],
      [w().lossWord, it.loss_pct !== null && it.loss_pct !== undefined && `${it.loss_pct.toFixed(1)} %`],
      [w().jitterWord, it.jitter_ms !== null && it.jitter_ms !== undefined && `${it.jitter_ms.toFixed(1)} ms`],
    ];
    return el("dl", null, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", null, name), el("dd.num", null, value)]));
  }
}
