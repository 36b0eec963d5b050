// One stream with its sound: fragmented MP4 over a WebSocket into the browser's own player, close to now.

import { el } from "./dom.js";
import { w, lang } from "./words.js";

/** Further behind than this the player leaps forward, seconds. */
const BEHIND_MAX = 2;
/** Where it leaps to, seconds before the newest. */
const MARGIN = 0.4;
/** How much of the past is kept, seconds. */
const PAST = 12;

export class Player {
  constructor(stream, ended, changed) {
    this.ended = ended;
    this.changed = changed;
    this.told = w().connecting;
    this.queue = [];
    this.node = el("video", { autoplay: true, controls: true, playsInline: true, disablePictureInPicture: true });
    this.node.addEventListener("playing", () => this.tell(this.node.muted ? w().soundOff : ""));
    this.pulse = setInterval(() => this.keepUp(), 500);
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    this.socket = new WebSocket(scheme + location.host + "/api/v1/streams/" + encodeURIComponent(stream) + "/media?lang=" + lang());
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => { if (typeof event.data === "string") this.text(JSON.parse(event.data)); else this.append(event.data); };
    this.socket.onclose = (event) => this.over(event.code);
  }

  text(message) {
    if (message.t === "beginning") this.begin(message.mime);
    if (message.t === "resting") this.tell(w().resting);
    if (message.t === "problem") { this.problem = message.problem.title; this.tell(this.problem); }
  }

  /** A new source each time: formats and clocks change only with a new beginning. */
  begin(mime) {
    if (!window.MediaSource || !MediaSource.isTypeSupported(mime)) {
      this.problem = w().cannotPlay(mime);
      this.tell(this.problem);
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
    source.addEventListener("sourceopen", () => {
      if (this.source !== source || source.readyState !== "open") return;
      this.buffer = source.addSourceBuffer(mime);
      this.buffer.addEventListener("updateend", () => this.feed());
      this.feed();
    }, { once: true });
    // A browser that forbids sound before a click is told so; this one came by a click.
    const played = this.node.play();
    if (played) played.catch((error) => { if (error.name === "NotAllowedError") { this.node.muted = true; this.node.play().catch(() => null); } });
  }

  append(bytes) {
    // What cannot be taken any more is old anyway.
    if (this.queue.length < 400) this.queue.push(bytes);
    this.feed();
  }

  feed() {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || this.source.readyState !== "open") return;
    const past = this.node.currentTime - PAST;
    try {
      if (buffer.buffered.length && past - buffer.buffered.start(0) > PAST) { buffer.remove(0, past); return; }
      if (this.queue.length) buffer.appendBuffer(this.queue.shift());
    } catch (_) {
      // The element gave up on what it was given: a new beginning is asked for by asking again.
      this.tell(w().playerFailed);
      this.socket.close();
    }
  }

  /** Stays near now, and leaps over holes. */
  keepUp() {
    const buffer = this.buffer;
    if (!buffer || !buffer.buffered.length || this.node.seeking) return;
    const last = buffer.buffered.length - 1;
    const [start, end] = [buffer.buffered.start(last), buffer.buffered.end(last)];
    if (end - this.node.currentTime > BEHIND_MAX || this.node.currentTime < start) this.node.currentTime = Math.max(start, end - MARGIN);
    if (this.node.paused && !this.stopped && end - this.node.currentTime > 0.1 && !this.node.ended) this.node.play().catch(() => null);
  }

  full() { if (this.node.requestFullscreen) this.node.requestFullscreen().catch(() => null); }

  tell(text) {
    if (this.told === text) return;
    this.told = text;
    this.changed();
  }

  over(code) {
    if (this.stopped) return;
    if (code === 4408) this.tell(w().viewOver);
    else if (!this.problem) this.tell(w().viewBroken);
  }

  close() {
    this.stopped = true;
    clearInterval(this.pulse);
    this.socket.close();
    this.node.pause();
    this.node.removeAttribute("src");
    this.node.load();
    if (this.url) URL.revokeObjectURL(this.url);
  }
}
