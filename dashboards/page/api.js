// Talking to the daemon: requests, problems, and the live socket with its own idea of how old its news is.

import { lang } from "./words.js";

/** A problem (RFC 9457) as an error. */
export class Problem extends Error {
  constructor(body, status) {
    super(body.detail ? body.title + "：" + body.detail : body.title || "HTTP " + status);
    this.code = body.code || "internal";
    this.status = status;
    this.items = body.items || [];
    this.retryAfter = body.retry_after_s;
  }
}

/** Sends a request; gives the JSON answer or throws a Problem. */
export async function call(method, path, body) {
  const headers = { "Accept-Language": lang() === "zh" ? "zh-CN" : "en" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, credentials: "same-origin", cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (_) {
    throw new Problem({ code: "unreachable", title: lang() === "zh" ? "连不上服务器" : "The server cannot be reached" }, 0);
  }
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(json, answer.status);
  return json;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body === undefined ? {} : body);

/** Follows a meeting's newest round. Reconnects by itself, ever more slowly; `close()` ends it. */
export class Live {
  constructor(query, on) {
    this.query = query;
    this.on = on;
    this.heard = 0;
    this.tries = 0;
    this.ended = false;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const socket = new WebSocket(scheme + location.host + "/api/v1/live?" + this.query + "&lang=" + lang());
    this.socket = socket;
    socket.onmessage = (event) => {
      this.heard = performance.now();
      this.tries = 0;
      this.on.message(JSON.parse(event.data));
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
      // A browser does not say why a socket was refused; a request does.
      call("GET", "/api/v1/session").then(() => this.open(), (problem) => {
        if (problem.status === 401 || problem.status === 403) { this.close(); this.on.signedOut(); } else this.retry();
      });
    }, wait);
  }

  /** Seconds since the last message; the daemon speaks at least every two. A half-dead socket is replaced. */
  age() {
    const age = this.heard ? (performance.now() - this.heard) / 1000 : 0;
    if (age > 12 && this.socket.readyState === WebSocket.OPEN) this.socket.close();
    return age;
  }

  close() {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
