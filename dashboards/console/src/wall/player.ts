// One stream with its sound: fragmented MP4 over a WebSocket into the browser's own player, close to now.

import { lang, w } from "../words/index.ts";
import { el } from "./dom.ts";

/** Further behind than this the player leaps forward, seconds. */
const BEHIND_MAX = 2;
/** Where it leaps to, seconds before the newest. */
const MARGIN = 0.4;
/** How much of the past is kept, seconds. */
const PAST = 12;
/** Pieces that wait; what cannot be taken any more is old anyway. */
const QUEUE_MAX = 400;
/** The daemon's close code when the time of viewing is over. */
const TIME_OVER = 4408;

type Message = { t: "beginning"; mime: string } | { t: "resting" } | { t: "problem"; problem: { title: string } };

export class Player {
  readonly node = el("video", { autoplay: true, controls: true, playsInline: true, disablePictureInPicture: true });
  /** What there is to say about it; empty while it plays. */
  told = w().wall.connecting;
  private problem = "";
  private stopped = false;
  private source: MediaSource | null = null;
  private buffer: SourceBuffer | null = null;
  private queue: ArrayBuffer[] = [];
  private url = "";
  private readonly pulse: number;
  private readonly socket: WebSocket;

  constructor(
    stream: string,
    private readonly changed: () => void,
  ) {
    this.node.addEventListener("playing", () => this.tell(this.node.muted ? w().wall.soundOff : ""));
    this.pulse = window.setInterval(() => this.keepUp(), 500);
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const path = `/api/v1/streams/${encodeURIComponent(stream)}/media?lang=${lang()}`;
    this.socket = new WebSocket(scheme + location.host + path);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (typeof event.data === "string") this.text(JSON.parse(event.data) as Message);
      else this.append(event.data);
    };
    this.socket.onclose = (event) => this.over(event.code);
  }

  private text(message: Message): void {
    if (message.t === "beginning") this.begin(message.mime);
    if (message.t === "resting") this.tell(w().wall.resting);
    if (message.t === "problem") this.fail(message.problem.title);
  }

  private fail(problem: string): void {
    this.problem = problem;
    this.tell(problem);
  }

  /** A new source each time: formats and clocks change only with a new beginning. */
  private begin(mime: string): void {
    if (!window.MediaSource || !MediaSource.isTypeSupported(mime)) {
      this.fail(w().wall.cannotPlay(mime));
      this.socket.close();
      return;
    }
    const source = new MediaSource();
    this.source = source;
    this.buffer = null;
    this.queue = [];
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(source);
    this.node.src = this.url;
    const opened = () => {
      if (this.source !== source || source.readyState !== "open") return;
      this.buffer = source.addSourceBuffer(mime);
      this.buffer.addEventListener("updateend", () => this.feed());
      this.feed();
    };
    source.addEventListener("sourceopen", opened, { once: true });
    this.play();
  }

  /** A browser that forbids sound before a click is told so; this one came by a click. */
  private play(): void {
    this.node.play()?.catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.node.muted = true;
      this.node.play().catch(() => null);
    });
  }

  private append(bytes: ArrayBuffer): void {
    if (this.queue.length < QUEUE_MAX) this.queue.push(bytes);
    this.feed();
  }

  private feed(): void {
    const { buffer } = this;
    if (!buffer || buffer.updating || this.source?.readyState !== "open") return;
    const past = this.node.currentTime - PAST;
    try {
      if (buffer.buffered.length && past - buffer.buffered.start(0) > PAST) {
        buffer.remove(0, past);
        return;
      }
      const next = this.queue.shift();
      if (next) buffer.appendBuffer(next);
    } catch {
      // The element gave up on what it was given: a new beginning is asked for by asking again.
      this.tell(w().wall.playerFailed);
      this.socket.close();
    }
  }

  /** Stays near now, and leaps over holes. */
  private keepUp(): void {
    const { buffer, node } = this;
    if (!buffer?.buffered.length || node.seeking) return;
    const last = buffer.buffered.length - 1;
    const [start, end] = [buffer.buffered.start(last), buffer.buffered.end(last)];
    if (end - node.currentTime > BEHIND_MAX || node.currentTime < start)
      node.currentTime = Math.max(start, end - MARGIN);
    if (node.paused && !this.stopped && end - node.currentTime > 0.1 && !node.ended) node.play().catch(() => null);
  }

  full(): void {
    this.node.requestFullscreen?.().catch(() => null);
  }

  private tell(text: string): void {
    if (this.told === text) return;
    this.told = text;
    this.changed();
  }

  private over(code: number): void {
    if (this.stopped) return;
    if (code === TIME_OVER) this.tell(w().wall.viewOver);
    else if (!this.problem) this.tell(w().wall.viewBroken);
  }

  close(): void {
    this.stopped = true;
    clearInterval(this.pulse);
    this.socket.close();
    this.node.pause();
    this.node.removeAttribute("src");
    this.node.load();
    if (this.url) URL.revokeObjectURL(this.url);
  }
}
