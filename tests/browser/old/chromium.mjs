// Chromium 90 out of an npm package, driven over its debugging protocol: today's drivers no longer speak with it.

import { spawn } from "node:child_process";
import { createReadStream, createWriteStream, chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import WebSocket from "ws";

const FLAGS = [
  "--headless", "--no-sandbox", "--no-zygote", "--single-process", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
];

/** Unpacks the browser beside its package, once. */
async function unpacked() {
  const home = dirname(createRequire(import.meta.url).resolve("chrome-aws-lambda/package.json"));
  const program = join(home, "bin", "chromium");
  if (!existsSync(program)) {
    await pipeline(createReadStream(`${program}.br`), createBrotliDecompress(), createWriteStream(program));
    chmodSync(program, 0o755);
  }
  return program;
}

/** Starts it; `close()` ends it. */
export async function launch(flags = []) {
  const program = await unpacked();
  const profile = mkdtempSync(join(tmpdir(), "vcops-chromium-90-"));
  const child = spawn(program, [...FLAGS, ...flags, `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
  const address = await new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (data) => {
      said += data;
      const found = said.match(/ws:\/\/\S+/);
      if (found) resolve(found[0]);
    });
    child.on("exit", (code) => reject(new Error(`chromium ended with ${code}: ${said.slice(-400)}`)));
    setTimeout(() => reject(new Error(`chromium does not answer: ${said.slice(-400)}`)), 30000).unref();
  });
  const targets = await (await fetch(`http://${new URL(address).host}/json`)).json();
  const page = await Page.open(targets.find((one) => one.type === "page").webSocketDebuggerUrl);
  const close = () => {
    child.kill("SIGKILL");
    rmSync(profile, { recursive: true, force: true });
  };
  return { page, close };
}

class Page {
  static async open(url) {
    const page = new Page();
    page.socket = new WebSocket(url, { perMessageDeflate: false });
    page.count = 0;
    page.waiting = new Map();
    page.errors = [];
    page.socket.on("message", (data) => page.hear(JSON.parse(data)));
    await new Promise((resolve, reject) => page.socket.once("open", resolve).once("error", reject));
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    // This build has no language of its own.
    const language = "Object.defineProperty(navigator, 'language', { get: () => 'zh-CN' });";
    await page.send("Page.addScriptToEvaluateOnNewDocument", { source: language });
    return page;
  }

  hear(message) {
    if (message.id) {
      const { resolve, reject } = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    }
    if (message.method === "Runtime.exceptionThrown") this.errors.push(message.params.exceptionDetails.exception?.description || message.params.exceptionDetails.text);
    // A header that old browsers heed over TLS only is ignored by them, aloud.
    const grave = message.method === "Log.entryAdded" && message.params.entry.level === "error" && !message.params.entry.text.includes("Cross-Origin-Opener-Policy");
    if (grave) this.errors.push(`${message.params.entry.text} ${message.params.entry.url || ""}`);
  }

  send(method, params = {}) {
    this.count += 1;
    const id = this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true, userGesture: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text);
    return result.value;
  }

  async until(expression, ms = 30000) {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      if (await this.evaluate(`Boolean(${expression})`).catch(() => false)) return true;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return false;
  }

  size(width, height) {
    return this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async picture() {
    return Buffer.from((await this.send("Page.captureScreenshot", { format: "png" })).data, "base64");
  }
}
