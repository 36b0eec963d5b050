// A stand-in for the daemon that feeds a wall of any size: the console's built files, one session, and the wall's socket
// with pictures once a second, levels ten times a second and states that change. What the browser does is measured, so
// nothing here may be what is waited for.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const SESSION = {
  user: "bench", name: "bench", tls: false, version: "0",
  grants: [{ role: "operator", role_text: "值机员", region: null, region_text: "全部区域" }],
};
/** Changes each second, of a thousand tiles. */
const CHANGES_PER_1000 = 10;

/** Serves a wall with so many tiles. `pictures` are JPEGs to be shown in turn. */
export function serve(dist, tiles, pictures) {
  const streams = Array.from({ length: tiles }, (_, at) => stream(at));
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    if (path === "/api/v1/session") return json(response, SESSION);
    if (path === "/api/v1/inventory") return json(response, { venues: {} });
    if (path === "/api/v1/duty") return json(response, { shifts: [], handovers: [], paging: [] });
    if (path.startsWith("/api/")) return json(response, { items: [], next_after: null });
    const file = join(dist, path === "/" ? "index.html" : path);
    if (!existsSync(file)) return response.writeHead(404).end();
    const packed = existsSync(`${file}.gz`);
    response.writeHead(200, { "content-type": TYPES[file.split(".").pop()] ?? "application/octet-stream", ...(packed && { "content-encoding": "gzip" }) });
    return response.end(readFileSync(packed ? `${file}.gz` : file));
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    feed(socket, streams, pictures);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ port: server.address().port, close: () => server.close() })));
}

function json(response, body) {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function stream(at) {
  const role = at === 0 ? "main_hall" : at === 1 ? "content" : "venue";
  return {
    id: `s${at}`, name: `会场 ${at}`, venue: `v${at}`, venue_name: `第${at}分会场`, role, main: at === 0, meeting: "m",
    floor: at === 2 ? "speaks" : "listens", state: "live", state_text: "正常", since: new Date().toISOString(),
    severity: null, findings: [], detections: [], pictures: true, viewable: true,
  };
}

/** One reader: it names what is on its screen and is sent that, for as long as it is there. */
function feed(socket, streams, pictures) {
  let asked = [];
  let round = 0;
  let tick = 0;
  send(socket, { t: "streams", at: new Date().toISOString(), unrecorded: false, order: streams.map((one) => one.id), changed: streams });
  socket.on("data", (data) => {
    for (const text of texts(data)) {
      const said = JSON.parse(text);
      [asked, round] = [said.streams, said.round];
    }
  });
  const levels = setInterval(() => {
    const body = Buffer.alloc(2 + asked.length * 2);
    body.writeUInt8(1, 0);
    body.writeUInt8(round, 1);
    asked.forEach((_, place) => {
      const loud = 70 + ((tick * 7 + place * 13) % 40);
      body.writeUInt8(loud, 2 + place * 2);
      body.writeUInt8(loud + 6, 3 + place * 2);
    });
    bytes(socket, body);
    // Pictures come spread over the second, a tenth of them at a time, as they do from as many senders.
    asked.forEach((_, place) => place % 10 === tick % 10 && bytes(socket, picture(place, round, pictures[(place + tick) % pictures.length])));
    tick += 1;
  }, 100);
  const states = setInterval(() => {
    const few = Math.ceil((streams.length * CHANGES_PER_1000) / 1000);
    const changed = Array.from({ length: few }, (_, n) => toggled(streams[(tick * 31 + n * 97) % streams.length]));
    send(socket, { t: "streams", at: new Date().toISOString(), unrecorded: false, order: streams.map((one) => one.id), changed });
    const figure = (at) => ({ fps: 25, kbps: 1800 + (tick % 9), loss_pct: 0, jitter_ms: 4 + (at % 3), size: [1920, 1080], video: "H.264", audio: "AAC" });
    send(socket, { t: "figures", figures: Object.fromEntries(asked.map((id, at) => [id, figure(at)])) });
  }, 1000);
  const end = () => {
    clearInterval(levels);
    clearInterval(states);
  };
  socket.on("close", end).on("error", end);
}

function toggled(one) {
  const wrong = one.findings.length > 0;
  one.severity = wrong ? null : "severe";
  one.findings = wrong ? [] : [{ rule: "stream.freeze", severity: "severe", severity_text: "严重", since: new Date().toISOString(), text: "图像冻结", next_step: null, cause_text: null }];
  return one;
}

function picture(place, round, jpeg) {
  const head = Buffer.alloc(12);
  head.writeUInt8(2, 0);
  head.writeUInt8(round, 1);
  head.writeUInt16BE(place, 2);
  head.writeBigInt64BE(BigInt(Date.now()) * 1000n, 4);
  return Buffer.concat([head, jpeg]);
}

function frame(socket, kind, body) {
  const { length } = body;
  const head = length < 126 ? Buffer.from([0x80 | kind, length]) : length < 65536 ? Buffer.from([0x80 | kind, 126, length >> 8, length & 255]) : Buffer.alloc(10);
  if (length >= 65536) {
    head.writeUInt8(0x80 | kind, 0);
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (socket.writable) socket.write(Buffer.concat([head, body]));
}
const send = (socket, message) => frame(socket, 1, Buffer.from(JSON.stringify(message)));
const bytes = (socket, body) => frame(socket, 2, body);

/** The texts in what a browser sent: whole frames, masked. */
function* texts(data) {
  let at = 0;
  while (at + 6 <= data.length) {
    const kind = data[at] & 15;
    let length = data[at + 1] & 127;
    at += 2;
    if (length === 126) {
      length = data.readUInt16BE(at);
      at += 2;
    }
    const mask = data.subarray(at, at + 4);
    const body = data.subarray(at + 4, at + 4 + length).map((byte, n) => byte ^ mask[n % 4]);
    at += 4 + length;
    if (kind === 1) yield Buffer.from(body).toString();
  }
}
