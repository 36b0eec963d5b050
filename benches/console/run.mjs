// What the console costs a browser: share of the main thread with 100 and with 3,000 tiles, and the first paint of the
// wall on a desktop that is four times slower than this machine. Prints one line of JSON.
//
//   node run.mjs [SECONDS]     after `make web`; needs the system's Chromium and `npm ci` in tests/browser
//
// Thread time is counted, not wall time, so what else runs here does not count; the first paint is wall time.

import { fileURLToPath } from "node:url";
import { chromium } from "../../tests/browser/stage.mjs";
import { serve } from "./daemon.mjs";

const seconds = Number(process.argv[2] ?? 10);
const dist = process.env.VCOPS_DIST || fileURLToPath(new URL("../../dashboards/console/dist/", import.meta.url));
const BARS = { wall_100_main_pct: 15, wall_3000_main_pct: 15, first_paint_s: 1.5 };
const PAINTS = 5;
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: flags });
const pictures = await painted();
const figures = {
  wall_100_main_pct: await busy(100),
  wall_3000_main_pct: await busy(3000),
  first_paint_s: await firstPaint(),
};
await browser.close();
const missed = Object.entries(BARS).filter(([name, bar]) => figures[name] > bar).map(([name]) => name);
console.log(JSON.stringify({ bench: "console", ...figures, bars: BARS, missed }));
process.exit(0);

async function opened() {
  const context = await browser.newContext({ locale: "zh-CN", timezoneId: "Asia/Shanghai", viewport: { width: 1920, height: 1080 } });
  return context.newPage();
}

/** A dozen pictures of the size and weight that the daemon sends. */
async function painted() {
  const page = await opened();
  const packed = await page.evaluate(() => Array.from({ length: 12 }, (_, n) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 180];
    const pen = canvas.getContext("2d");
    for (let at = 0; at < 400; at += 1) {
      pen.fillStyle = `hsl(${(at * 37 + n * 30) % 360} 40% ${20 + ((at * 13) % 60)}%)`;
      pen.fillRect((at * 53 + n * 11) % 320, (at * 29) % 180, 8 + (at % 40), 6 + (at % 30));
    }
    return canvas.toDataURL("image/jpeg", 0.67).split(",")[1];
  }));
  await page.context().close();
  return packed.map((text) => Buffer.from(text, "base64"));
}

/** Share of the main thread that a wall of so many tiles takes. */
async function busy(tiles) {
  const server = await serve(dist, tiles, pictures);
  const page = await opened();
  await page.goto(`http://127.0.0.1:${server.port}/#during`);
  await page.waitForFunction((tiles) => document.querySelectorAll(".t").length === tiles, tiles, { timeout: 60000 });
  await page.waitForFunction(() => document.querySelectorAll(".t.drawn").length >= 90, null, { timeout: 60000 });
  await page.waitForTimeout(3000);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
  const [before, began] = [await spent(), Date.now()];
  await page.waitForTimeout(seconds * 1000);
  const share = (100 * (await spent() - before)) / ((Date.now() - began) / 1000);
  await page.context().close();
  server.close();
  return Number(share.toFixed(1));
}

/** Seconds from the request until the wall's tiles are painted, the processor slowed four times, nothing cached; the
 * median of a few. */
async function firstPaint() {
  const took = [];
  for (let n = 0; n < PAINTS; n += 1) {
    const server = await serve(dist, 100, pictures);
    const page = await opened();
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await page.addInitScript(() => {
      new MutationObserver((_, watching) => {
        if (document.querySelectorAll(".t").length < 100) return;
        watching.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
      }).observe(document, { childList: true, subtree: true });
    });
    await page.goto(`http://127.0.0.1:${server.port}/#during`);
    await page.waitForFunction(() => window.painted, null, { timeout: 60000 });
    took.push(await page.evaluate(() => window.painted / 1000));
    await page.context().close();
    server.close();
  }
  took.sort((a, b) => a - b);
  return Number(took[PAINTS >> 1].toFixed(2));
}
