// A WebSocket that comes back by itself, ever more slowly, and knows how old its news is.

import { lang } from "../words/index.ts";
import { get, Problem } from "./client.ts";
import { connection } from "./connection.ts";

/** The daemon's close code for an ended session. */
const SIGNED_OUT = 4401;
/** After so many seconds of silence a connection is half dead and is replaced. */
const DEAD_S = 12;

export interface SocketUser {
  text(message: unknown): void;
  bytes?(buffer: ArrayBuffer): void;
  opened?(): void;
  signedOut(): void;
}

export class Socket {
  private socket: WebSocket | null = null;
  private heard = 0;
  private tries = 0;
  private ended = false;
  private timer = 0;
  private readonly pulse: number;

  /** `query` is what stands behind the `?`, without the language. */
  constructor(
    private readonly path: string,
    private readonly query: string,
    private readonly user: SocketUser,
  ) {
    this.heard = performance.now();
    this.open();
    connection.follow(this);
    this.pulse = window.setInterval(() => this.replaceWhenDead(), 1000);
  }

  private open(): void {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const query = [this.query, `lang=${lang()}`].filter(Boolean).join("&");
    const socket = new WebSocket(`${scheme}${location.host}${this.path}?${query}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => this.user.opened?.();
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.heard = performance.now();
      this.tries = 0;
      if (typeof event.data === "string") this.user.text(JSON.parse(event.data));
      else this.user.bytes?.(event.data);
    };
    socket.onclose = (event) => {
      if (this.ended || this.socket !== socket) return;
      if (event.code === SIGNED_OUT) this.leave();
      else this.retry();
    };
  }

  private leave(): void {
    this.close();
    this.user.signedOut();
  }

  private retry(): void {
    this.tries += 1;
    const wait = Math.min(8000, 500 * 2 ** Math.min(this.tries, 5)) * (0.7 + Math.random() * 0.6);
    // A browser does not say why a socket was refused; a request does.
    const ask = () =>
      get("/api/v1/session").then(
        () => !this.ended && this.open(),
        (problem: unknown) => {
          if (this.ended) return;
          if (problem instanceof Problem && (problem.status === 401 || problem.status === 403)) this.leave();
          else this.retry();
        },
      );
    this.timer = window.setTimeout(ask, wait);
  }

  send(message: unknown): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Seconds since the last message; the daemon speaks at least every two. */
  age(): number {
    return (performance.now() - this.heard) / 1000;
  }

  private replaceWhenDead(): void {
    if (this.age() > DEAD_S && this.socket?.readyState === WebSocket.OPEN) this.socket.close();
  }

  close(): void {
    this.ended = true;
    connection.forget(this);
    clearTimeout(this.timer);
    clearInterval(this.pulse);
    this.socket?.close();
  }
}
