// Lighthouse on each room of the running demo: accessibility and best practices must reach 0.95.
//
//   node run.mjs URL SOCKET     the demo's page and its local socket

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import lighthouse from "lighthouse";
import { chromium, made, PASSWORD, standIn } from "../stage.mjs";

const [url, socket] = process.argv.slice(2);
const address = url.replace(/\/$/, "");
const LEAST = 0.95;
const PAGES = ["before", "during", "during/duty", "during/plans", "after/incidents", "after/records", "after/statistics", "manage/venues"];
const port = await free();
const home = mkdtempSync(join(tmpdir(), "vcops-lighthouse-"));
const context = await chromium.launchPersistentContext(home, {
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, locale: "zh-CN", viewport: { width: 1366, height: 768 },
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", `--remote-debugging-port=${port}`, "--disable-features=LocalNetworkAccessChecks"],
});
let failed = 0;
try {
  await made(socket, "light", ["technician", "operator", "manager"]);
  if (process.env.VCOPS_DIST) await standIn(context, process.env.VCOPS_DIST);
  const page = await context.newPage();
  await page.goto(`${address}/`);
  await page.getByLabel("用户名").fill("light");
  await page.getByLabel("密码").fill(PASSWORD);
  await page.getByRole("button", { name: "登录", exact: true }).click();
  await page.waitForSelector("header.top");
  for (const name of PAGES) await judge(name);
} finally {
  await context.close();
  rmSync(home, { recursive: true, force: true });
}
console.log(failed ? `${failed} below ${LEAST}` : `all at least ${LEAST}`);
process.exit(failed ? 1 : 0);

async function judge(name) {
  const { lhr } = await lighthouse(`${address}/#${name}`, {
    port, logLevel: "error", onlyCategories: ["accessibility", "best-practices"], disableStorageReset: true,
    formFactor: "desktop", screenEmulation: { disabled: true }, throttlingMethod: "provided",
  });
  const scores = Object.values(lhr.categories).map(({ title, score }) => [title, score]);
  const low = scores.some(([, score]) => score === null || score < LEAST);
  if (low) failed += 1;
  console.log(`${low ? "FAIL" : "ok  "} #${name}: ${scores.map(([title, score]) => `${title} ${score}`).join(", ")}`);
  if (!low) return;
  for (const audit of Object.values(lhr.audits)) {
    if (audit.score !== null && audit.score < 1 && audit.scoreDisplayMode === "binary") console.log(`     ${audit.id}: ${audit.title}`);
  }
}

function free() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
