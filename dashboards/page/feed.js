// The wall's socket: states and figures as JSON, levels and pictures as bytes. It asks for what is on the screen only,
// because decoders run for that alone, and for nothing while the page is hidden.

import { call } from "./api.js";
import { lang } from "./words.js";

const LEVELS = 1;
const PICTURE = 2;

export class WallFeed {
  constructor(on) {
    this.on = on;
    this.asked = [];
    this.wanted = [];
    this.round = 0;
    this.heard = 0;
    this.tries = 0;
    this.offset = 0;
    this.ended = false;
    this.hidden = () => this.send();
    document.addEventListener("visibilitychange", this.hidden);
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const socket = new WebSocket(scheme + location.host + "/api/v1/streams/live?lang=" + lang());
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => { this.asked = null; this.send(); };
    socket.onmessage = (event) => {
      this.heard = performance.now();
      this.tries = 0;
      if (typeof event.data === "string") this.text(JSON.parse(event.data)); else this.bytes(event.data);
    };
    socket.onclose = (event) => {
      if (this.ended || this.socket !== socket) return;
      if (event.code === 4401) { this.close(); this.on.signedOut(); return; }
      this.retry();
    };
  }

  retry() {
    this.tries += 1;
    const wait = Math.min(8000, 500 * 2 ** Math.min(this.tries, 5)) * (0.7 + Math.random() * 0.6);
    this.timer = setTimeout(() => {
      call("GET", "/api/v1/session").then(() => this.open(), (problem) => {
        if (problem.status === 401 || problem.status === 403) { this.close(); this.on.signedOut(); } else this.retry();
      });
    }, wait);
  }

  text(message) {
    if (message.at) this.offset = Date.parse(message.at) - Date.now();
    if (message.t === "streams") this.on.streams(message);
    if (message.t === "figures") this.on.figures(message.figures);
  }

  bytes(buffer) {
    const view = new DataView(buffer);
    // An answer to an earlier question counts places that are no longer these.
    if (!this.asked || view.getUint8(1) !== this.round) return;
    if (view.getUint8(0) === LEVELS) this.levels(view);
    if (view.getUint8(0) === PICTURE) this.picture(view, buffer);
  }

  levels(view) {
    this.asked.forEach((id, place) => {
      const rms = view.getUint8(2 + place * 2);
      const peak = view.getUint8(3 + place * 2);
      if (rms === 0xff) this.on.level(id, null, null, false);
      else this.on.level(id, rms - 120, (peak & 0x7f) - 120, (peak & 0x80) !== 0);
    });
  }

  picture(view, buffer) {
    const id = this.asked[view.getUint16(2)];
    const at = Number(view.getBigInt64(4)) / 1000;
    const jpeg = new Blob([new Uint8Array(buffer, 12)], { type: "image/jpeg" });
    createImageBitmap(jpeg).then((image) => { this.on.picture(id, at, image); image.close(); }, () => null);
  }

  /** The streams that are on the screen now. */
  ask(streams) {
    this.wanted = streams.slice(0, 256);
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.send(), 100);
  }

  send() {
    const streams = document.hidden ? [] : this.wanted;
    if (this.socket.readyState !== WebSocket.OPEN || JSON.stringify(streams) === JSON.stringify(this.asked)) return;
    this.asked = streams;
    this.round = (this.round + 1) % 256;
    this.socket.send(JSON.stringify({ streams, round: this.round }));
  }

  /** The daemon's clock, milliseconds since 1970. */
  now() { return Date.now() + this.offset; }

  /** Seconds since the last message; a half-dead socket is replaced. */
  age() {
    const age = this.heard ? (performance.now() - this.heard) / 1000 : 0;
    if (age > 12 && this.socket.readyState === WebSocket.OPEN) this.socket.close();
    return age;
  }

  close() {
    this.ended = true;
    clearTimeout(this.timer);
    clearTimeout(this.soon);
    document.removeEventListener("visibilitychange", this.hidden);
    this.socket.close();
  }
}
