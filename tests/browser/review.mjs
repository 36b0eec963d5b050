// The manager's day 科室负责人 at the running demo, after the operator's: the incidents of the meeting, one conclusion,
// its review signed, what is to be put right, the meeting replayed, the record and the documents to hand in.
//
//   node review.mjs URL SOCKET [PICTURES]

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessible, check, made, play, sees, signedIn, texts, until } from "./stage.mjs";

const [url, socket, pictures = "target/screens"] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const address = url.replace("127.0.0.1", "manager.test").replace(/\/$/, "");
let reviewed = "";

await play([review, putRight, replay, handIn], { host: "manager.test" });

async function review(browser) {
  await made(socket, "chief", "manager");
  const page = await signedIn(browser, address, "chief");
  check(await page.waitForSelector(".incidents .heads li", { timeout: 15000 }).then(() => true, () => false), "the manager's day begins with the incidents");
  await page.getByRole("button", { name: /^待审签/ }).click();
  check(await sees(page, ".heads .tag", "故障排除"), "those that wait for a review are found by one click");
  // The one that the operator took through its plan.
  await page.locator(".heads .row", { hasText: "图像异常 · 桂东县" }).first().click();
  const conclusion = await page.waitForSelector(".conclusion").then((node) => node.textContent());
  check(/历时 \d\d:\d\d/.test(conclusion), "one sentence concludes: " + conclusion);
  const moments = await texts(page, ".moments dt");
  check(["首个异常", "发现", "确认", "故障排除"].every((word) => moments.includes(word)), "the times count from the first bad sample");
  check((await texts(page, ".timeline li")).length >= 4, "the timeline can be read without hovering");
  await accessible(page, "an incident");
  await page.screenshot({ path: join(pictures, "review.png") });
  reviewed = page.url();
  await page.locator(".review select").selectOption("picture");
  await page.locator(".review textarea").fill("会场摄像机老化，处置及时，按预案完成");
  await page.getByRole("button", { name: "审签", exact: true }).click();
  check(await sees(page, ".review", "chief 审签"), "the review is signed, with name and time");
  check(page.errors.length === 0, "no program errors " + page.errors.join(" | "));
  await page.context().close();
}

/** 整改: asked for by who handles incidents, ended by them, seen by the manager. */
async function putRight(browser) {
  const [operator, chief] = [await signedIn(browser, address, "op-a"), await signedIn(browser, address, "chief")];
  for (const page of [operator, chief]) await page.goto(reviewed);
  await operator.getByRole("button", { name: "新增整改…" }).click();
  await operator.locator("dialog[open] textarea").fill("更换桂东县会场摄像机");
  await operator.locator("dialog[open] select").selectOption("lead");
  await operator.locator("dialog[open] input[type=date]").fill("2030-01-31");
  await accessible(operator, "a correction's form");
  await operator.locator("dialog[open] button[type=submit]").click();
  check(await sees(chief, ".review", "更换桂东县会场摄像机"), "what is to be put right stands with the incident");
  await operator.getByRole("button", { name: "完成…" }).click();
  await operator.locator("dialog[open] textarea").fill("已更换并复测");
  await operator.locator("dialog[open] button[type=submit]").click();
  check(await sees(chief, ".review", "已更换并复测"), "and that it was");
  await operator.context().close();
  await chief.context().close();
}

async function replay(browser) {
  const page = await signedIn(browser, address, "chief", { width: 1920, height: 1080 });
  await page.goto(`${address}/#after/replay`);
  const drawn = await until(() => page.evaluate(() => [...document.querySelectorAll(".still img")].filter((image) => image.naturalWidth > 0).length >= 6), 30000);
  check(Boolean(drawn), "the meeting can be looked at again");
  check(await page.waitForSelector(".side .timeline li, .side .mut", { timeout: 10000 }).then(() => true, () => false), "with what was open at that moment and what was done");
  const at = () => page.$eval(".scrub", (node) => node.getAttribute("aria-valuetext"));
  const last = await at();
  await page.locator(".scrub").focus();
  for (let n = 0; n < 6; n += 1) await page.keyboard.press("ArrowLeft");
  check((await at()) !== last, `the keyboard moves through time: ${last} → ${await at()}`);
  await page.screenshot({ path: join(pictures, "replay.png") });
  await accessible(page, "the replay");
  await page.locator(".still").first().click();
  check(await page.waitForSelector(".side .chart, .side .mut").then(() => true, () => false), "a stream's figures stand beside it");
  check(page.errors.length === 0, "no program errors " + page.errors.join(" | "));
  await page.context().close();
}

/** Everything that is handed in can be had: the record to print, and the documents where the daemon makes them. */
async function handIn(browser) {
  const page = await signedIn(browser, address, "chief");
  const given = async (path) => {
    const answer = await page.request.get(path.startsWith("http") ? path : url.replace(/\/$/, "") + path, { headers: { cookie: (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ") } });
    return { status: answer.status(), kind: (answer.headers()["content-type"] ?? "").split(";")[0], bytes: (await answer.body()).length };
  };
  await page.goto(`${address}/#after/records`);
  await page.waitForSelector(".rows tbody tr");
  const links = await page.$$eval(".rows a[href^='/api']", (nodes) => nodes.map((node) => node.getAttribute("href")));
  await page.goto(reviewed);
  await page.waitForSelector(".conclusion");
  links.push(...(await page.$$eval("a[href^='/api']", (nodes) => nodes.map((node) => node.getAttribute("href")))));
  await page.goto(`${address}/#after/statistics`);
  await page.waitForTimeout(1500);
  links.push(...(await page.$$eval("a[href^='/api']", (nodes) => nodes.map((node) => node.getAttribute("href")))));
  const kinds = new Set();
  for (const link of new Set(links)) {
    const answer = await given(link);
    kinds.add(answer.kind);
    if (answer.status !== 200 || answer.bytes < 500) check(false, `${link}: ${answer.status}, ${answer.bytes} bytes`);
  }
  check(links.length > 0, `${new Set(links).size} documents are handed out: ${[...kinds].join(", ")}`);
  const print = await page.emulateMedia({ media: "print" }).then(() => page.evaluate(() => getComputedStyle(document.querySelector("header.top")).display));
  check(print === "none", "what is printed has no navigation in it");
  await page.context().close();
}
