// The network and the daemon fail while somebody looks: half a minute without a line, and a restart of the server. The
// page says how old it is, offers nothing, and goes on by itself; nobody signs in anew.
//
//   node network.mjs VCOPS [PICTURES]     the program, which is started and stopped here

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, made, play, signedIn, until } from "./stage.mjs";

const [vcops, pictures = "target/screens"] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const home = mkdtempSync(join(tmpdir(), "vcops-network-"));
const socket = join(home, "vcops.sock");
const port = await free();
let daemon = null;
/** Everything between browser and daemon goes through here; nothing does while the line is cut. */
const line = { cut: false, pairs: new Set() };

/** A port that nobody listens on. */
function free() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function started() {
  writeFileSync(join(home, "vcops.toml"), [
    `data_dir = "${join(home, "data")}"`,
    "[web]", `listen = "127.0.0.1:${port}"`,
    "[socket]", `path = "${socket}"`,
    "[broker.embedded]", 'listen = "127.0.0.1:0"',
    "[enrolment]", 'listen = "127.0.0.1:0"',
    "[log]", 'level = "error"', "",
  ].join("\n"));
  daemon = spawn(vcops, ["serve", "--config", join(home, "vcops.toml")], { stdio: ["ignore", "ignore", "inherit"] });
  const up = await until(() => fetch(`http://127.0.0.1:${port}/readyz`).then((answer) => answer.ok, () => false), 60000);
  if (!up) throw new Error("the daemon does not come up");
}

function stopped() {
  return new Promise((resolve) => {
    daemon.once("exit", resolve);
    daemon.kill("SIGTERM");
  });
}

/** A line that can be cut: what is under way stands still, as when a cable is pulled. */
function relay() {
  return new Promise((resolve) => {
    const server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      const pair = { near, far };
      line.pairs.add(pair);
      if (line.cut) near.pause();
      near.pipe(far);
      far.pipe(near);
      const end = () => {
        near.destroy();
        far.destroy();
        line.pairs.delete(pair);
      };
      near.on("close", end).on("error", end);
      far.on("close", end).on("error", end);
      if (line.cut) hold(pair);
    }).listen(0, "127.0.0.1", () => resolve(server));
  });
}

function hold({ near, far }) {
  near.unpipe(far);
  far.unpipe(near);
  near.pause();
  far.pause();
}

function cut() {
  line.cut = true;
  for (const pair of line.pairs) hold(pair);
}

function mended() {
  line.cut = false;
  for (const { near, far } of line.pairs) {
    near.pipe(far);
    far.pipe(near);
  }
}

async function lost(browser) {
  process.once("exit", () => {
    daemon?.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  });
  await started();
  execFileSync(vcops, ["apply", "config/city.example.toml"], { env: { ...process.env, VCOPS_SOCKET: socket }, stdio: "ignore" });
  await made(socket, "tech", "technician");
  const server = await relay();
  const address = `http://127.0.0.1:${server.address().port}`;
  const page = await signedIn(browser, address, "tech");
  await page.waitForSelector("main");
  await page.goto(`${address}/#during`);
  await page.waitForSelector(".alarms", { timeout: 20000 });
  cut();
  const began = Date.now();
  const told = await page.waitForSelector("body.disconnected", { timeout: 15000 }).then(() => Date.now() - began, () => null);
  check(told !== null, `a line that is cut is told after ${told} ms`);
  await page.screenshot({ path: join(pictures, "line-cut.png") });
  await page.waitForTimeout(30000 - (Date.now() - began));
  const text = await page.textContent(".banner.stale").catch(() => "");
  check(/已断开 (2[5-9]|3\d) 秒/.test(text), "after half a minute it says so: " + text);
  mended();
  const back = await page.waitForSelector("body:not(.disconnected)", { timeout: 30000 }).then(() => Date.now() - began - 30000, () => null);
  check(back !== null, `and goes on ${back} ms after the line is back`);
  check((await page.locator("main.sign").count()) === 0, "without signing in anew");
  check(page.errors.length === 0, "no program errors " + page.errors.join(" | "));
  await page.context().close();
  server.close();
}

async function restarted(browser) {
  const page = await signedIn(browser, `http://127.0.0.1:${port}`, "tech");
  await page.goto(`http://127.0.0.1:${port}/#before`);
  await page.waitForSelector("main.before, main", { timeout: 20000 });
  await stopped();
  check(await page.waitForSelector("body.disconnected", { timeout: 20000 }).then(() => true, () => false), "a server that stops is told");
  const asked = page.evaluate(() => fetch("/api/v1/meetings").then(() => "answered", () => "no answer"));
  check((await asked) === "no answer", "nothing pretends to be done meanwhile");
  await started();
  check(await page.waitForSelector("body:not(.disconnected)", { timeout: 30000 }).then(() => true, () => false), "and one that comes back is found");
  check((await page.locator("main.sign").count()) === 0, "the session holds over the restart");
  await page.reload();
  check(await page.waitForSelector("header.top", { timeout: 20000 }).then(() => true, () => false), "also for a page that is loaded anew");
  check(page.errors.length === 0, "no program errors " + page.errors.join(" | "));
  await stopped();
}

await play([lost, restarted]);
