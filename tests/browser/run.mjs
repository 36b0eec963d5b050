// Drives the page in the system's Chromium: signs in by the one-time link, waits for the matrix, reads it, moves by
// keyboard, changes the language, and takes pictures. Any error on the console fails the run.
//
//   node run.mjs URL [PICTURES]     URL as the demo prints it, with ?login=…

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessible, check, page as reader, play, texts } from "./stage.mjs";

const [url, pictures = "target/screens"] = process.argv.slice(2);
if (!url) {
  console.error("usage: node run.mjs URL [PICTURES]");
  process.exit(64);
}
mkdirSync(pictures, { recursive: true });
let browser;
const full = { width: 1920, height: 1080 };
await play([async (started) => {
  browser = started;
  const page = await reader(browser, full);
  await run(page);
  await page.context().storageState({ path: join(pictures, "session.json") });
}]);

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
  await accessible(page, "the matrix");
  await keyboard(page);
  await dialogs(page);
  await problemsOnly(page);
  await contrast(page);
  await language(page);
  await search(page);
  await boards(page);
  await otherRooms(page);
  check(errors.length === 0, "no errors on the console " + errors.join(" | "));
  cut = true;
  await disconnected(page);
  cut = false;
  await page.waitForSelector("body:not(.disconnected)", { timeout: 20000 });
  check((await page.$(".banner.stale")) === null, "and comes back by itself");
  await offline(page);
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
  await accessible(page, "a dialog");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  check(await page.evaluate(() => document.activeElement.dataset.key === "waive"), "escape closes the dialog and gives the focus back");
}

async function problemsOnly(page) {
  const before = (await page.$$(".mx tbody tr")).length;
  const button = page.locator(".filter button[aria-pressed]");
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
  const speaks = (word) => page.waitForFunction((word) => [...document.querySelectorAll(".mx thead th")].some((head) => head.textContent.trim() === word), word, { timeout: 8000 });
  await speaks("Primary link");
  check((await texts(page, ".mx thead th")).includes("Venue"), "the matrix speaks English");
  await page.waitForTimeout(700);
  const chrome = () => page.$$eval("header.top nav, .boards, .filter, .mx thead, .strip .actions, .side .actions", (nodes) => nodes.map((node) => node.innerText).join(" "));
  const left = (await chrome()).match(/[\u4e00-\u9fff]+/g) || [];
  check(left.length === 0, "nothing is left in Chinese: " + left.join(" "));
  await page.screenshot({ path: join(pictures, "rehearsal-en.png") });
  await page.getByRole("button", { name: "中文", exact: true }).click();
  await speaks("主用线路");
  check((await chrome()).includes("只看问题"), "and back");
}

async function boards(page) {
  for (const [board, word] of [["点名", "一切正常"], ["现场核对", "现场核对"], ["三方会签", "技术保障方"], ["看听确认", "看听确认"]]) {
    await page.getByRole("navigation", { name: "会前" }).getByRole("link", { name: new RegExp(`^${board}`) }).click();
    await page.waitForFunction((word) => document.querySelector(".board.wide") && document.querySelector(".board.wide").textContent.includes(word), word, { timeout: 8000 });
    check(true, "board " + board);
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(pictures, `board-${board}.png`) });
    await accessible(page, board);
  }
  await page.getByRole("navigation", { name: "会前" }).getByRole("link", { name: /^联调/ }).click();
  await page.waitForSelector(".mx tbody tr");
}

/** Venues are found by the initials of their pinyin. */
async function search(page) {
  const field = page.locator(".filter input[type=search]");
  await field.fill("bhq");
  await page.waitForFunction(() => document.querySelectorAll(".mx tbody tr").length === 1, null, { timeout: 5000 });
  check((await page.textContent(".mx tbody")).includes("北湖区"), "bhq finds 北湖区");
  await field.fill("");
  await page.waitForFunction(() => document.querySelectorAll(".mx tbody tr").length > 3, null, { timeout: 5000 });
}

async function otherRooms(page) {
  await page.getByRole("link", { name: "会后", exact: true }).click();
  await page.getByRole("navigation", { name: "会后" }).getByRole("link", { name: "调试记录", exact: true }).click();
  await page.waitForSelector("main.after .rows tbody tr");
  check((await page.textContent("main.after")).includes("记录表"), "会后 has the records");
  await accessible(page, "会后");
  await page.screenshot({ path: join(pictures, "after.png") });
  await page.getByRole("link", { name: "管理", exact: true }).click();
  await page.waitForSelector(".manage .ant-table-row");
  check((await page.textContent("main")).includes("会议"), "管理 shows the inventory");
  await page.screenshot({ path: join(pictures, "manage.png") });
  for (const name of ["会议", "会场", "码流", "测试机", "系统状态"]) {
    await page.locator(".pages").getByRole("link", { name, exact: true }).click();
    await page.waitForTimeout(600);
    await accessible(page, `管理 · ${name}`);
  }
  await page.locator(".pages").getByRole("link", { name: "会场", exact: true }).click();
  await page.getByRole("button", { name: /^查看/ }).first().click();
  await page.waitForSelector(".ant-modal input");
  await page.waitForTimeout(300);
  await accessible(page, "a form");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".ant-modal", { state: "detached" });
  await page.getByRole("link", { name: "会前", exact: true }).click();
  await page.waitForSelector(".mx tbody tr");
}

async function disconnected(page) {
  await page.waitForSelector("body.disconnected", { timeout: 15000 });
  check(/已断开 \d+ 秒/.test(await page.textContent(".banner.stale")), "a silent line is told with its age");
  const grey = await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter);
  check(grey.includes("grayscale"), "and greys everything");
  await page.screenshot({ path: join(pictures, "disconnected.png") });
}

/** A room without a socket notices a dead network as well. */
async function offline(page) {
  await page.getByRole("link", { name: "管理", exact: true }).click();
  await page.waitForSelector(".manage .ant-table-row");
  await page.context().setOffline(true);
  await page.waitForSelector("body.disconnected", { timeout: 20000 });
  check(true, "a dead network is told where no socket is open");
  await page.context().setOffline(false);
  await page.waitForSelector("body:not(.disconnected)", { timeout: 20000 });
  check(true, "and its return");
  await page.getByRole("link", { name: "会前", exact: true }).click();
  await page.waitForSelector(".mx tbody tr");
}

async function spent() {
  const other = await reader(browser, full);
  await other.goto(url);
  await other.waitForSelector("form input");
  check((await other.textContent("form")).includes("登录"), "the link works once: a second use leads to the sign-in");
  await other.screenshot({ path: join(pictures, "sign-in.png") });
}
