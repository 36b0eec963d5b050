// The wall's socket: states and figures as JSON, levels and pictures as bytes. It asks for what is on the screen only,
// because decoders run for that alone, and for nothing while the page is hidden.

import { Socket } from "../api/socket.ts";
import type { Figures, Stream } from "./stream.ts";

const LEVELS = 1;
const PICTURE = 2;
const ASKED_MAX = 256;

export interface StreamsMessage {
  t: "streams";
  at: string;
  unrecorded: boolean;
  order: string[];
  changed: Stream[];
}

type Message = StreamsMessage | { t: "figures"; figures: Record<string, Figures> } | { t: "alive"; at: string };

export interface FeedUser {
  streams(message: StreamsMessage): void;
  figures(figures: Record<string, Figures>): void;
  /** Whoever takes it closes it. */
  picture(id: string, at: number, image: ImageBitmap): void;
  /** Loudness and peak in dBFS; `null` where nothing is known. */
  level(id: string, rms: number | null, peak: number | null, clipped: boolean): void;
  signedOut(): void;
}

export class WallFeed {
  private asked: string[] | null = null;
  private wanted: string[] = [];
  private round = 0;
  private offset = 0;
  private soon = 0;
  private readonly socket: Socket;
  private readonly hidden = () => this.send();

  constructor(private readonly user: FeedUser) {
    document.addEventListener("visibilitychange", this.hidden);
    this.socket = new Socket("/api/v1/streams/live", "", {
      opened: () => {
        this.asked = null;
        this.send();
      },
      text: (message) => this.text(message as Message),
      bytes: (buffer) => this.bytes(buffer),
      signedOut: () => this.user.signedOut(),
    });
  }

  private text(message: Message): void {
    if ("at" in message) this.offset = Date.parse(message.at) - Date.now();
    if (message.t === "streams") this.user.streams(message);
    if (message.t === "figures") this.user.figures(message.figures);
  }

  private bytes(buffer: ArrayBuffer): void {
    const view = new DataView(buffer);
    // An answer to an earlier question counts places that are no longer these.
    if (!this.asked || view.getUint8(1) !== this.round) return;
    if (view.getUint8(0) === LEVELS) this.levels(view, this.asked);
    if (view.getUint8(0) === PICTURE) this.picture(view, buffer, this.asked);
  }

  private levels(view: DataView, asked: string[]): void {
    asked.forEach((id, place) => {
      const rms = view.getUint8(2 + place * 2);
      const peak = view.getUint8(3 + place * 2);
      if (rms === 0xff) this.user.level(id, null, null, false);
      else this.user.level(id, rms - 120, (peak & 0x7f) - 120, (peak & 0x80) !== 0);
    });
  }

  private picture(view: DataView, buffer: ArrayBuffer, asked: string[]): void {
    const id = asked[view.getUint16(2)];
    if (id === undefined) return;
    const at = Number(view.getBigInt64(4)) / 1000;
    const jpeg = new Blob([new Uint8Array(buffer, 12)], { type: "image/jpeg" });
    createImageBitmap(jpeg).then(
      (image) => this.user.picture(id, at, image),
      () => null,
    );
  }

  /** The streams that are on the screen now. */
  ask(streams: string[]): void {
    this.wanted = streams.slice(0, ASKED_MAX);
    clearTimeout(this.soon);
    this.soon = window.setTimeout(() => this.send(), 100);
  }

  private send(): void {
    const streams = document.hidden ? [] : this.wanted;
    if (JSON.stringify(streams) === JSON.stringify(this.asked)) return;
    const round = (this.round + 1) % 256;
    if (!this.socket.send({ streams, round })) return;
    this.asked = streams;
    this.round = round;
  }

  /** The daemon's clock, milliseconds since 1970. */
  now(): number {
    return Date.now() + this.offset;
  }

  close(): void {
    clearTimeout(this.soon);
    document.removeEventListener("visibilitychange", this.hidden);
    this.socket.close();
  }
}
