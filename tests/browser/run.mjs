// Drives the page in the system's Chromium: signs in by the one-time link, waits for the matrix, reads it, moves by
// keyboard, changes the language, and takes pictures. Any error on the console fails the run.
//
//   node run.mjs URL [PICTURES]     URL as the demo prints it, with ?login=…

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, pictures = "target/screens"] = process.argv.slice(2);
if (!url) {
  console.error("usage: node run.mjs URL [PICTURES]");
  process.exit(64);
}
mkdirSync(pictures, { recursive: true });
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--hide-scrollbars",
];
let passed = 0;
const wrong = [];

function check(holds, what) {
  if (holds) passed += 1; else wrong.push(what);
  console.log((holds ? "ok   " : "FAIL ") + what);
}

const texts = (page, selector) => page.$$eval(selector, (nodes) => nodes.map((node) => node.textContent.trim()));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: flags });
const reader = { ignoreHTTPSErrors: true, locale: "zh-CN", timezoneId: "Asia/Shanghai", viewport: { width: 1920, height: 1080 } };
try {
  const context = await browser.newContext(reader);
  await run(await context.newPage());
  await context.storageState({ path: join(pictures, "session.json") });
} catch (error) {
  wrong.push(String(error));
  console.log("FAIL " + error);
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${wrong.length} failed`);
process.exit(wrong.length ? 1 : 0);

async function run(page) {
  const errors = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));

  let cut = false;
  await page.routeWebSocket(/\/api\/v1\/live/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => { if (!cut) socket.send(message); });
  });
  await page.goto(url);
  await page.waitForSelector(".mx tbody tr", { timeout: 30000 });
  check(!page.url().includes("login="), "the one-time token leaves the address");
  await settled(page);
  await rehearsal(page);
  await sizes(page);
  await keyboard(page);
  await dialogs(page);
  await problemsOnly(page);
  await contrast(page);
  await language(page);
  await otherRooms(page);
  check(errors.length === 0, "no errors on the console " + errors.join(" | "));
  cut = true;
  await disconnected(page);
  await spent();
}

/** Waits until the round has ended, or until it has clearly come along when it is a long one. */
async function settled(page) {
  const done = () => !document.querySelector(".tl li.on") || document.querySelectorAll(".mx tbody td[class*='bg-']").length > 2;
  await page.waitForFunction(done, null, { timeout: 90000 });
  await page.waitForTimeout(1500);
}

async function rehearsal(page) {
  const heads = await texts(page, ".mx thead th");
  for (const word of ["会场", "结论", "到岗", "时钟", "主用线路", "备用线路"]) check(heads.includes(word), "column " + word);
  const rows = await page.$$(".mx tbody tr");
  check(rows.length >= 3, "rows: " + rows.length);
  const body = await page.textContent("body");
  check(body.includes("会前") && body.includes("尚未") === false, "the room is the rehearsal");
  const wrongCells = await texts(page, ".mx td[class*='bg-']");
  check(wrongCells.every((text) => /^[▲◆?●]/.test(text)), "every coloured cell carries a shape: " + wrongCells.join(","));
  const fits = await page.evaluate(() => document.documentElement.scrollHeight <= window.innerHeight && document.documentElement.scrollWidth <= window.innerWidth);
  check(fits, "no page scroll at 1920×1080");
  const say = await texts(page, ".side .say");
  check(wrongCells.length === 0 || say.length > 0, "the venue beside the matrix says what is wrong");
}

async function keyboard(page) {
  await page.focus(".mx tbody tr:first-child td:first-child");
  const first = await page.textContent(".side h2");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction((before) => document.querySelector(".side h2").textContent !== before, first, { timeout: 5000 });
  check(true, "arrow down shows the next venue");
  for (let i = 0; i < 4; i += 1) await page.keyboard.press("ArrowRight");
  check(await page.evaluate(() => document.activeElement.closest("td") !== null), "arrow right stays in the matrix");
  await page.waitForTimeout(1200);
  check(await page.evaluate(() => document.activeElement.closest("td") !== null), "an update does not take the focus");
  await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.activeElement.closest(".side") !== null), "tab leads to the venue's actions");
}

async function dialogs(page) {
  const waive = await page.$("[data-key=waive]");
  check(Boolean(waive), "a technician may waive");
  if (!waive) return;
  await waive.click();
  await page.waitForSelector("dialog[open] textarea");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  check(await page.evaluate(() => document.activeElement.dataset.key === "waive"), "escape closes the dialog and gives the focus back");
}

async function problemsOnly(page) {
  const before = (await page.$$(".mx tbody tr")).length;
  const button = page.locator(".strip button[aria-pressed]");
  await button.click();
  await page.waitForTimeout(300);
  const after = (await page.$$(".mx tbody tr")).length;
  check(after <= before && (await button.getAttribute("aria-pressed")) === "true", `problems only: ${after} of ${before}`);
  await button.click();
}

/** WCAG AA: 4.5:1 for every text that is shown, over the nearest background. */
async function contrast(page) {
  const bad = await page.evaluate(() => {
    const channel = (v) => { const c = v / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
    const ground = (node) => { for (let at = node; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c.length === 3 || c[3] > 0.5) return c; } return [255, 255, 255]; };
    const found = [];
    for (const node of document.querySelectorAll("body *")) {
      const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
      if (!own || node.offsetParent === null || node.closest("option")) continue;
      const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) found.push(node.textContent.trim().slice(0, 20) + " " + ratio.toFixed(2));
    }
    return found;
  });
  check(bad.length === 0, "contrast is at least 4.5:1 " + bad.slice(0, 5).join(" | "));
}

async function sizes(page) {
  for (const [width, height] of [[1920, 1080], [1366, 768]]) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(pictures, `rehearsal-${width}.png`) });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth || document.querySelector(".scroll").scrollWidth > document.querySelector(".scroll").clientWidth + 1);
    check(!wide, `nothing is cut off at ${width}×${height}`);
  }
  await page.setViewportSize({ width: 1920, height: 1080 });
}

async function language(page) {
  await page.getByRole("button", { name: "EN", exact: true }).click();
  const speaks = (word) => page.waitForFunction((word) => [...document.querySelectorAll(".mx thead th")].some((head) => head.textContent === word), word, { timeout: 8000 });
  await speaks("Primary link");
  check((await texts(page, ".mx thead th")).includes("Venue"), "the matrix speaks English");
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(pictures, "rehearsal-en.png") });
  await page.getByRole("button", { name: "中文", exact: true }).click();
  await speaks("主用线路");
  const same = await page.evaluate(async () => {
    const { dictionaries } = await import("/assets/words.js");
    return JSON.stringify(Object.keys(dictionaries.zh).sort()) === JSON.stringify(Object.keys(dictionaries.en).sort());
  });
  check(same, "both dictionaries have the same words");
}

async function otherRooms(page) {
  for (const room of ["会后", "管理"]) {
    await page.getByRole("link", { name: room, exact: true }).click();
    check((await page.textContent("main")).includes("尚未提供"), room + " says honestly that it is not there yet");
  }
  await page.getByRole("link", { name: "会前", exact: true }).click();
  await page.waitForSelector(".mx tbody tr");
}

async function disconnected(page) {
  await page.waitForSelector("body.disconnected", { timeout: 15000 });
  check(/与服务器断开 \d+ 秒/.test(await page.textContent(".banner.stale")), "a silent line is told with its age");
  const grey = await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter);
  check(grey.includes("grayscale"), "and greys everything");
  await page.screenshot({ path: join(pictures, "disconnected.png") });
}

async function spent() {
  const other = await (await browser.newContext(reader)).newPage();
  await other.goto(url);
  await other.waitForSelector("form input");
  check((await other.textContent("form")).includes("登录"), "the link works once: a second use leads to the sign-in");
  await other.screenshot({ path: join(pictures, "sign-in.png") });
}
