// What the browser tests share: a browser, people who sign in, the daemon's local socket, and the count of what held.

import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";
import { findings } from "./axe.mjs";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--hide-scrollbars",
];
export { chromium };
export const PASSWORD = "quiet River 7 stones";
const RENEWED = "calm Mountain 8 rivers";
const wrong = [];
let passed = 0;

/** Counts and says whether something holds. */
export function check(holds, what) {
  if (holds) passed += 1; else wrong.push(what);
  console.log((holds ? "ok   " : "FAIL ") + what);
  return holds;
}

/** Nothing serious for people who cannot see or point well. */
export async function accessible(page, where) {
  const found = await findings(page);
  check(found.length === 0, `axe on ${where}: ${found.join(" · ") || "nothing serious"}`);
}

/** Runs stories one after the other with a browser of their own, says how many held, and ends the process. `host` is a
 * name that browsers do not take for this machine; it leads here. */
export async function play(stories, { host, args = [] } = {}) {
  const more = host ? [`--host-resolver-rules=MAP ${host} 127.0.0.1`] : [];
  // A page whose files stand in counts as one from elsewhere.
  if (process.env.VCOPS_DIST) more.push("--disable-features=LocalNetworkAccessChecks");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: [...FLAGS, ...more, ...args],
  });
  try {
    for (const story of stories) await story(browser);
  } catch (error) {
    check(false, String(error.stack ?? error));
  } finally {
    await browser.close();
  }
  console.log(`${passed} passed, ${wrong.length} failed`);
  process.exit(wrong.length ? 1 : 0);
}

/** Says something to the daemon over its local socket. */
export function local(socket, method, path, body) {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, method, path, headers: { "content-type": "application/json" } }, (answer) => {
      let text = "";
      answer.on("data", (data) => { text += data; });
      answer.on("end", () => (answer.statusCode < 300 ? resolve(text && JSON.parse(text)) : reject(new Error(`${path}: ${text}`))));
    });
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A user, made by root of this machine; one who is there already stays. */
export async function made(socket, id, role, region = null) {
  const grants = [role].flat().map((one) => ({ role: one, region }));
  await local(socket, "POST", "/v1/users", { id, name: `测试 ${id}`, password: PASSWORD, grants }).catch((error) => {
    if (!String(error).includes("exists")) throw error;
  });
}

/** Changes the inventory as root of this machine. */
export async function submit(socket, changes) {
  const { version } = await local(socket, "GET", "/v1/inventory");
  await local(socket, "POST", "/v1/command", { command: "submit_inventory", base: version, changes, origin: "browser test" });
}

/** A page of a reader, with the errors of its program kept. `VCOPS_DIST` names a folder of console files that stand
 * in for those in the binary. */
export async function page(browser, { width = 1366, height = 768, ...options } = {}) {
  const context = await browser.newContext({
    locale: "zh-CN", timezoneId: "Asia/Shanghai", viewport: { width, height }, ignoreHTTPSErrors: true, ...options,
  });
  if (process.env.VCOPS_DIST) await standIn(context, process.env.VCOPS_DIST);
  const opened = await context.newPage();
  opened.errors = [];
  opened.on("pageerror", (error) => opened.errors.push(String(error)));
  return opened;
}

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

export async function standIn(context, dist) {
  const policy = {};
  await context.route(/^https?:\/\/[^/]+\/(assets\/[^?]*)?(\?.*)?$/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    const places = [join(dist, path === "/" ? "index.html" : path), join(dist, "../../page", basename(path))];
    const file = places.find((one) => existsSync(one));
    if (!file) return route.continue();
    if (!policy.known) {
      const { port } = new URL(route.request().url());
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      policy.known = answer.headers.get("content-security-policy") ?? "";
    }
    return route.fulfill({
      body: readFileSync(file),
      headers: { "content-type": TYPES[file.split(".").pop()] ?? "application/octet-stream", "content-security-policy": policy.known },
    });
  });
}

/** Signs in by name and password, as people do. */
export async function signedIn(browser, address, id, { password, ...options } = {}) {
  const opened = await page(browser, options);
  await opened.goto(`${address}/`);
  await enter(opened, id, password ?? PASSWORD);
  if (password) return opened;
  // A password that an administrator set is to be changed first; it may have been, by a story before this one.
  if (await opened.locator(".told:not(:empty)").count()) await enter(opened, id, RENEWED);
  if (await opened.getByLabel("原密码").count()) {
    await opened.getByLabel("原密码").fill(PASSWORD);
    await opened.getByLabel("新密码").fill(RENEWED);
    await opened.getByRole("button", { name: "保存", exact: true }).click();
    await opened.waitForSelector("header.top", { timeout: 60000 });
  }
  return opened;
}

async function enter(opened, id, password) {
  await opened.getByLabel("用户名").fill(id);
  await opened.getByLabel("密码", { exact: true }).fill(password);
  await opened.getByRole("button", { name: "登录", exact: true }).click();
  await opened.waitForFunction(() => document.querySelector("header.top, .told:not(:empty), input[name=old]"), null, { timeout: 60000 });
  await opened.waitForTimeout(300);
}

/** Whether a text comes to be seen somewhere in a selector. */
export function sees(where, selector, text, timeout = 15000) {
  const found = ([selector, text]) => [...document.querySelectorAll(selector)].some((node) => node.textContent.includes(text));
  return where.waitForFunction(found, [selector, text], { timeout }).then(() => true, () => false);
}

export const texts = (where, selector) => where.$$eval(selector, (nodes) => nodes.map((node) => node.textContent.trim()));

/** Waits until something is so; `null` when it does not come about. */
export async function until(ask, timeout = 20000, every = 200) {
  const end = Date.now() + timeout;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) return null;
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
