// Drives the wall 会中 in the system's Chromium: every state of a tile, what is wrong, a stream that plays with sound,
// sizes, keyboard, contrast, cost. Any error on the console fails the run. The page is opened under a name that
// browsers do not take for this machine, so what plain http forbids is forbidden here as well.
//
//   node wall.mjs SMALL LARGE LARGEST [PICTURES]     walls of 13, 100 and 3,000 streams, with ?login=…

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { findings } from "./axe.mjs";

const [small, large, largest, pictures = "target/screens"] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP wall.test 127.0.0.1",
];
let passed = 0;
const wrong = [];
function check(holds, what) {
  if (holds) passed += 1; else wrong.push(what);
  console.log((holds ? "ok   " : "FAIL ") + what);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: flags });
try {
  const page = await signedIn(small);
  const errors = listen(page);
  await states(page);
  await troubles(page);
  await plays(page);
  await keyboard(page);
  await contrast(page);
  const found = await findings(page);
  check(found.length === 0, "axe on the wall: " + (found.join(" · ") || "nothing serious"));
  await sizes(page, "wall-13");
  await language(page);
  check(errors.length === 0, "no errors on the console " + errors.join(" | "));
  await page.close();
  await crowd();
  await nation();
} catch (error) {
  wrong.push(String(error));
  console.log("FAIL " + error);
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${wrong.length} failed`);
if (wrong.length) console.error(wrong.join("\n"));
process.exit(wrong.length ? 1 : 0);

/** The one-time link is spent on this machine's own address; the page itself is used under another name. */
async function signedIn(url) {
  const context = await browser.newContext({ locale: "zh-CN", timezoneId: "Asia/Shanghai", viewport: { width: 1920, height: 1080 } });
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForSelector("header.top nav");
  const cookies = (await context.cookies()).map((cookie) => ({ ...cookie, domain: "wall.test" }));
  await context.addCookies(cookies);
  await page.goto(url.replace("127.0.0.1", "wall.test").replace(/\?.*/, ""));
  await page.getByRole("link", { name: "会中", exact: true }).click();
  await page.waitForSelector(".t");
  return page;
}

function listen(page) {
  const errors = [];
  page.on("console", (message) => { if (message.type() === "error" || message.type() === "warning") errors.push(message.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  return errors;
}

function tile(page, n) { return page.locator(".t").nth(n); }

async function states(page) {
  check((await page.$$(".t")).length === 13, "a seat for each stream");
  await page.waitForFunction(() => document.querySelectorAll(".t.drawn").length >= 11, null, { timeout: 60000 });
  check(true, "pictures come");
  check(!(await page.evaluate(() => window.isSecureContext)), "as over plain http");
  await page.waitForFunction(() => /监测画面 \d+ 秒未更新/.test(document.querySelectorAll(".t")[9].textContent), null, { timeout: 60000 });
  check(true, "an old picture says how old it is");
  const looks = await page.$$eval(".t", (nodes) => nodes.map((node) => node.className));
  for (const [n, word] of [[0, "live"], [1, "air"], [2, "next"], [3, "urgent"], [5, "down"], [6, "blind"], [8, "waiting"], [9, "stale"], [11, "major"]]) {
    check(looks[n].split(" ").includes(word), `tile ${n} looks ${word}: ${looks[n]}`);
  }
  const texts = await page.$$eval(".t", (nodes) => nodes.map((node) => node.textContent));
  check(/◆ 图像冻结 00:\d\d/.test(texts[3]), "what is wrong and for how long: " + texts[3]);
  check(texts[6].includes("监测中断（解码程序重启）") && !looks[6].includes("urgent"), "a decoder that restarts is grey, not red");
  check(texts[5].includes("无图像无声音") && texts[5].includes("最后画面"), "a stream that is down keeps its last picture's time");
  check(texts[0].includes("主会场") && texts[1].includes("发言") && texts[2].includes("下一个"), "badges");
  check(texts[8].includes("正在连接"), "a waiting tile says so");
  const bar = await tile(page, 1).locator(".vu i").first().evaluate((node) => node.style.backgroundSize);
  check(/^100% [3-9]\d%$/.test(bar), "the speaker's level moves: " + bar);
  const painted = await tile(page, 0).locator("canvas").evaluate((canvas) => {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(data).size;
  });
  check(painted > 40, "the picture is painted: " + painted + " values");
}

async function troubles(page) {
  const rows = await page.$$eval(".troubles .row", (nodes) => nodes.map((node) => node.textContent));
  check(rows.length === 3, "three are wrong: " + rows.join(" / "));
  check(rows[0].includes("紧急") && rows[0].includes("宜章县"), "the worst first");
  check(rows.every((row) => /^[◆▲●]/.test(row) && /\d\d:\d\d:\d\d/.test(row)), "shape, word and time in every row");
  const strip = await page.textContent(".strip");
  check(strip.includes("有问题 3 路") && strip.includes("监测中断 1 路") && strip.includes("北湖区"), "the head line: " + strip);
  await page.locator(".troubles .row").nth(1).click();
  check((await page.textContent(".detail")).includes("电话联系会场技术员"), "a row leads to the next step");
}

async function plays(page) {
  await tile(page, 0).click();
  const started = Date.now();
  await page.waitForFunction(() => { const video = document.querySelector("video"); return video && video.currentTime > 0.3 && video.videoWidth === 320; }, null, { timeout: 60000 });
  console.log(`     first second played ${Date.now() - started} ms after the click`);
  const look = () => page.evaluate(() => {
    const video = document.querySelector("video");
    const end = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    return { at: video.currentTime, behind: end - video.currentTime, muted: video.muted, paused: video.paused, pictures: video.getVideoPlaybackQuality().totalVideoFrames, dropped: video.getVideoPlaybackQuality().droppedVideoFrames, heard: video.webkitAudioDecodedByteCount };
  });
  const first = await look();
  await page.waitForTimeout(6000);
  const then = await look();
  check(then.at - first.at > 4.5, `it plays on: ${first.at.toFixed(2)} → ${then.at.toFixed(2)} s`);
  check(then.behind < 2.2 && !then.paused, `close to now: ${then.behind.toFixed(2)} s behind`);
  check(!then.muted && then.heard > first.heard && first.heard >= 0, `with sound: ${then.heard} bytes decoded`);
  check(then.pictures - first.pictures > 80, `pictures: ${then.pictures}, dropped ${then.dropped}`);
  await page.screenshot({ path: join(pictures, "wall-playing.png") });
  await page.getByRole("button", { name: "停止查看", exact: true }).click();
  check((await page.$("video")) === null, "stop ends it");
}

async function keyboard(page) {
  await tile(page, 0).focus();
  await page.keyboard.press("ArrowRight");
  check(await page.evaluate(() => document.activeElement === document.querySelectorAll(".t")[1]), "arrows move between seats");
  await page.waitForTimeout(1200);
  check(await page.evaluate(() => document.activeElement === document.querySelectorAll(".t")[1]), "news do not take the focus");
}

/** WCAG AA for every text on a known ground. */
async function contrast(page) {
  const bad = await page.evaluate(() => {
    const channel = (v) => { const c = v / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
    const ground = (node) => { for (let at = node; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c.length === 3 || c[3] > 0.5) return c; } return [255, 255, 255]; };
    const found = [];
    for (const node of document.querySelectorAll("body *")) {
      const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
      if (!own || node.offsetParent === null) continue;
      const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) found.push(node.className + " " + node.textContent.trim().slice(0, 20) + " " + ratio.toFixed(2));
    }
    return found;
  });
  check(bad.length === 0, "contrast is at least 4.5:1 " + bad.slice(0, 5).join(" | "));
}

async function sizes(page, name) {
  for (const [width, height] of [[1920, 1080], [1366, 768]]) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(pictures, `${name}-${width}.png`) });
    const fits = await page.evaluate(() => {
      const grid = document.querySelector(".wall");
      return document.documentElement.scrollHeight <= window.innerHeight && document.documentElement.scrollWidth <= window.innerWidth && grid.scrollHeight <= grid.clientHeight + 1 && grid.scrollWidth <= grid.clientWidth + 1;
    });
    check(fits, `${name}: all seats at once at ${width}×${height}`);
  }
  await page.setViewportSize({ width: 1920, height: 1080 });
}

async function language(page) {
  await page.getByRole("button", { name: "EN", exact: true }).click();
  await page.waitForFunction(() => document.querySelector(".strip") && document.querySelector(".strip").textContent.includes("with a problem"), null, { timeout: 30000 });
  await page.waitForFunction(() => document.querySelectorAll(".t")[3].textContent.includes("The picture is frozen"), null, { timeout: 30000 });
  check(true, "the wall speaks English");
}

/** Share of the main thread over some seconds, by thread time: what else runs on this machine does not count. */
async function busy(page, seconds) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
  const before = await spent();
  await page.waitForTimeout(seconds * 1000);
  return (100 * (await spent() - before)) / seconds;
}

async function crowd() {
  const page = await signedIn(large);
  const errors = listen(page);
  await page.waitForFunction(() => document.querySelectorAll(".t.drawn").length >= 98, null, { timeout: 90000 });
  check(true, "a hundred seats with pictures");
  console.log(`     main thread with 100 tiles: ${(await busy(page, 6)).toFixed(1)} %`);
  await sizes(page, "wall-100");
  await largePictures(page);
  check(errors.length === 0, "no errors on the console with a hundred " + errors.join(" | "));
  await page.close();
}

/** Large pictures are an option: the main hall, and the worst fault of the moment. */
async function largePictures(page) {
  await page.getByRole("button", { name: "大画面", exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll(".large .t.drawn").length >= 1, null, { timeout: 30000 });
  const shown = await page.$$eval(".large .place", (nodes) => nodes.map((node) => node.textContent));
  check(shown[0].includes("市政府小礼堂") && shown[2].includes("宜章县"), "large: " + shown.join(" / "));
  await page.screenshot({ path: join(pictures, "wall-large.png") });
  await page.getByRole("button", { name: "大画面", exact: true }).click();
}

/** Three thousand seats: those on the screen have an inside and pictures, and what is wrong can be put first. */
async function nation() {
  const page = await signedIn(largest);
  const errors = listen(page);
  await page.waitForFunction(() => document.querySelectorAll(".t").length === 3000, null, { timeout: 60000 });
  await page.waitForFunction(() => document.querySelectorAll(".t.drawn").length >= 100, null, { timeout: 60000 });
  const { nodes, inside } = await page.evaluate(() => ({ nodes: document.querySelectorAll("*").length, inside: document.querySelectorAll(".t canvas").length }));
  check(inside < 600 && nodes < 3000 + 12 * inside + 800, `only what is on the screen has an inside: ${inside} of 3000, ${nodes} nodes`);
  console.log(`     main thread with 3000 tiles: ${(await busy(page, 6)).toFixed(1)} %`);
  await page.getByRole("button", { name: "问题在前", exact: true }).click();
  await page.waitForFunction(() => document.querySelector(".t").className.includes("urgent"), null, { timeout: 10000 });
  check(true, "what is wrong comes first when asked for");
  await page.screenshot({ path: join(pictures, "wall-3000.png") });
  check(errors.length === 0, "no errors on the console with three thousand " + errors.join(" | "));
}
