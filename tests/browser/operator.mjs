// The operator's day 值机员 at the running demo, under a name that browsers do not take for this machine: on duty, a
// fault, its alarm, its plan step by step to the end, all by the keyboard alone; a colleague who acts on the same thing;
// handing over; what may not be done; a session that ends.
//
//   node operator.mjs URL SOCKET PICTURES TYPED     TYPED: where the demo reads faults that are typed

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, check, local, made, play, sees, signedIn, submit, until } from "./stage.mjs";

const [url, socket, pictures, typed] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const address = url.replace("127.0.0.1", "operator.test").replace(/\/$/, "");
const FAULTY = { stream: "guidong", venue: "桂东县" };
const OTHER = { stream: "anren", venue: "安仁县" };
const fault = (what, stream = FAULTY.stream) => writeFileSync(typed, `${what} ${stream}\n`);

/** Two shifts, a leader, and somebody to call at each venue. */
async function roster() {
  const people = [
    ["op-a", "值机甲", "138 0000 0001"], ["op-b", "值机乙", "138 0000 0002"], ["lead", "带班丙", "138 0000 0003"],
    ["venue-a", "会场联络员", "139 0000 0101"],
  ];
  await local(socket, "PUT", "/v1/people", people.map(([id, name, number]) => ({ id, name, telephones: [{ kind: "mobile", number }], mail: null })));
  const inventory = await local(socket, "GET", "/v1/inventory");
  const hours = (n) => new Date(Date.now() + n * 3600e3).toISOString();
  const shift = (id, from, until, operators) => ({ put: { shift: { id, region: "city", window: { from: hours(from), until: hours(until) }, operators, leader: "lead" } } });
  const contacts = Object.values(inventory.venues).map((venue) => ({
    put: { venue: { ...venue, contacts: [{ person: "venue-a", role: "a" }] } },
  }));
  await submit(socket, [
    ...people.map(([id]) => ({ put: { person: { id, region: "city" } } })),
    shift("day", -1, 4, ["op-a", "op-b"]), shift("night", 4, 12, ["op-b", "op-a"]),
    ...contacts,
  ]);
  await made(socket, "op-a", "operator");
  await made(socket, "op-b", "operator");
  await made(socket, "county-watch", "county_technician", "r-beihu");
}

const told = (page) => page.$eval(".banner.told", (node) => node.textContent).catch(() => "");
const step = (page) => page.evaluate(() => document.querySelector(".steps .now b")?.textContent ?? null);
const focused = (page) => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");

await play([roster, byKeyboard, together, handover, forbidden, ended], { host: "operator.test" });

/** Presses Tab until the focus is where it is wanted. */
async function tabTo(page, selector, most = 90) {
  for (let n = 0; n < most; n += 1) {
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return true;
    await page.keyboard.press("Tab");
  }
  return false;
}

/** Types into a dialog that opened, and sends it. */
async function fill(page, text) {
  const field = page.locator("dialog[open] textarea");
  if (await field.count()) {
    await tabTo(page, "dialog[open] textarea", 6);
    await page.keyboard.type(text);
  }
  await tabTo(page, "dialog[open] button[type=submit]", 8);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog", { state: "detached", timeout: 5000 });
}

async function byKeyboard(browser) {
  const page = await signedIn(browser, address, "op-a");
  check(await sees(page, ".duty-card", "值机甲"), "the operator's day begins at the wall, and it says who is on duty");
  check(await sees(page, ".duty-card", "带班丙"), "and which leader is on call");
  await page.waitForFunction(() => document.querySelectorAll(".t.drawn").length >= 12, null, { timeout: 60000 });
  fault("freeze");
  check(await sees(page, ".alarms [role=option]", FAULTY.venue, 30000), "a fault becomes an alarm of its own");
  check(await tabTo(page, ".alarms [role=option]"), "Tab leads to the alarms");
  const here = () => page.evaluate(() => document.querySelector(".alarms [aria-selected=true]")?.textContent ?? "");
  await page.keyboard.press("Home");
  for (let n = 0; n < 12 && !(await here()).includes(FAULTY.venue); n += 1) {
    await page.keyboard.press("ArrowDown");
    await page.waitForTimeout(150);
  }
  check((await here()).includes(FAULTY.venue), "the arrows lead to it: " + (await here()));
  check(await sees(page, ".incident", "原因："), "beside it stands why");
  check(await sees(page, ".incident .calls", "139 0000 0101"), "and whom to call");
  check(await sees(page, ".run", "预案《"), "and its plan");
  await accessible(page, "the wall with an incident and its plan");
  await page.screenshot({ path: join(pictures, "plan.png") });
  await page.keyboard.press("a");
  const acked = () => page.evaluate(() => [...document.querySelectorAll(".moments > div")].find((node) => node.querySelector("dt").textContent === "确认")?.querySelector("dd").textContent);
  check(await until(async () => /\d/.test(await acked()), 8000), `A acknowledges, and it says when: ${await acked()} ${await told(page)}`);
  check(await until(async () => (await here()).includes("op-a"), 4000), "and the list says by whom: " + (await here()));
  await copied(page);
  await walk(page);
  await page.screenshot({ path: join(pictures, "plan-after.png") });
  await resolve(page, here);
  check(page.errors.length === 0, "no program errors " + page.errors.join(" | "));
  await page.context().close();
}

/** A report to leaders is copied, though browsers give plain http no clipboard. */
async function copied(page) {
  check(await page.evaluate(() => !window.isSecureContext && !navigator.clipboard), "the page has no clipboard of the browser's");
  await page.locator(".reports summary").press("Enter");
  const text = await page.locator(".report .text").first().textContent();
  check(text.includes("【首报】"), "the first report is ready: " + text.slice(0, 40));
  await page.getByRole("button", { name: "复制 首报" }).press("Enter");
  check(await sees(page, ".report button", "已复制"), "it is copied");
  await page.locator(".alarms [role=option][tabindex='0']").focus();
  await page.keyboard.press("n");
  await page.waitForSelector("dialog[open] textarea");
  await page.locator("dialog[open] textarea").focus();
  await page.keyboard.press("Control+V");
  const pasted = await page.locator("dialog[open] textarea").inputValue();
  check(pasted === text.slice(0, 500), "and pasted whole elsewhere");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
}

/** Takes step after step of the plan, each by its own kind, without a mouse. */
async function walk(page) {
  const taken = [];
  for (let n = 0; n < 8; n += 1) {
    const before = await step(page);
    if (!before) break;
    await page.locator(".alarms [role=option][tabindex='0']").focus();
    await page.keyboard.press("Enter");
    if (!(await page.evaluate(() => Boolean(document.activeElement?.closest(".steps .now"))))) {
      // Devices are at work on it, or it waits: it moves by itself.
      if (!(await until(async () => (await step(page)) !== before, 15000))) break;
      continue;
    }
    const button = await focused(page);
    await page.keyboard.press("Enter");
    const asked = await page.waitForSelector("dialog[open]", { timeout: 700 }).then(() => true, () => false);
    if (asked) await fill(page, "已核实，按预案处置");
    const moved = await until(async () => (await step(page)) !== before || (await page.locator(".steps .now .say").count()) > 0, 15000);
    taken.push(`${before}（${button}）`);
    if (!moved) break;
    if ((await step(page)) === before) await page.waitForTimeout(4000);
  }
  check(taken.length >= 2, `steps are taken by the keyboard: ${taken.join(" → ")}`);
  const left = await page.$$eval(".steps .left", (nodes) => nodes.map((node) => node.textContent));
  check(left.some((text) => text.includes("op-a")), "each says by whom and when it was left: " + left.slice(0, 3).join(" | "));
  const undo = page.locator(".steps .left button").last();
  if (await undo.count()) {
    const again = await undo.getAttribute("aria-label");
    await undo.press("Enter");
    await fill(page, "点错了");
    check(await sees(page, ".steps .now, .steps .left", again.replace("撤回 ", "")), "a tick is taken back: " + again);
  }
}

/** The camera is back; what was mitigated is told as over by a person, with a word. */
async function resolve(page, here) {
  fault("clear");
  const back = await until(() => page.evaluate(() => [...document.querySelectorAll(".members li")].every((node) => node.textContent.includes("恢复"))), 60000);
  check(back, "its alarm is over: 图像声音恢复");
  if ((await page.textContent(".alarms")).includes(FAULTY.venue)) {
    await page.locator(".alarms [role=option][tabindex='0']").focus();
    for (let n = 0; n < 60 && (await focused(page)) !== "故障排除"; n += 1) await page.keyboard.press("Tab");
    check((await focused(page)) === "故障排除", "Tab leads from the list to 故障排除");
    await page.keyboard.press("Enter");
    await fill(page, "更换信号源后恢复");
  }
  const gone = await until(async () => !(await page.textContent(".alarms")).includes(FAULTY.venue), 60000);
  check(gone, "and it leaves the list " + (gone ? "" : await here()));
  await page.goto(`${address}/#after/incidents`);
  check(await sees(page, ".heads .row", "故障排除", 10000), "and stands among the incidents as 故障排除");
}

/** Two operators act on one alarm; the second is told that the first was quicker. */
async function together(browser) {
  const [a, b] = [await signedIn(browser, address, "op-a"), await signedIn(browser, address, "op-b")];
  fault("black", OTHER.stream);
  for (const page of [a, b]) {
    check(await sees(page, ".alarms [role=option]", OTHER.venue, 40000), "both see it");
    await page.locator(".alarms [role=option]", { hasText: OTHER.venue }).first().click();
    await page.waitForSelector(".steps .now .actions button", { timeout: 15000 });
  }
  // What the second one reads comes to a stop, so that the page is a moment behind.
  await b.route(/\/api\/v1\/incidents/, (route) => (route.request().method() === "GET" ? route.abort() : route.continue()));
  await b.waitForTimeout(1500);
  const before = await step(b);
  await a.locator(".steps .now .actions button").first().click();
  if (await a.waitForSelector("dialog[open]", { timeout: 700 }).then(() => true, () => false)) {
    if (await a.locator("dialog[open] textarea").count()) await a.locator("dialog[open] textarea").fill("已核实");
    await a.locator("dialog[open] button[type=submit]").click();
  }
  check(await until(async () => (await step(a)) !== before, 15000), "the first one takes the step: " + before);
  await b.locator(".steps .now .actions button").first().click();
  if (await b.waitForSelector("dialog[open]", { timeout: 700 }).then(() => true, () => false)) {
    if (await b.locator("dialog[open] textarea").count()) await b.locator("dialog[open] textarea").fill("已核实");
    await b.locator("dialog[open] button[type=submit]").click();
  }
  check(await sees(b, ".banner.told", "预案不在这一步"), "the second is told that the plan has gone on: " + (await told(b)));
  await b.screenshot({ path: join(pictures, "conflict.png") });
  await b.unroute(/\/api\/v1\/incidents/);
  check(await until(async () => (await step(b)) === (await step(a)), 10000), "and sees where it stands now");
  fault("clear", OTHER.stream);
  await a.context().close();
  await b.context().close();
}

async function handover(browser) {
  const [a, b] = [await signedIn(browser, address, "op-a"), await signedIn(browser, address, "op-b")];
  for (const page of [a, b]) await page.goto(`${address}/#during/duty`);
  check(await sees(a, ".on-duty", "138 0000 0001"), "the page 值班 says who is on duty, with numbers");
  await accessible(a, "值班");
  await a.getByRole("button", { name: "交班…" }).click();
  await a.locator("dialog[open] textarea").fill("桂东县图像异常已恢复，继续观察");
  await a.screenshot({ path: join(pictures, "handover.png") });
  await a.getByRole("button", { name: "交班", exact: true }).click();
  check(await sees(b, ".handover", "继续观察"), "the other shift sees what it must know");
  await b.getByRole("button", { name: "接班", exact: true }).click();
  check(await sees(a, ".handover", "op-b 接班"), "and takes over; the first one sees it");
  await a.screenshot({ path: join(pictures, "duty.png") });
  await a.goto(`${address}/#during/plans`);
  check(await sees(a, ".plans .heads", "MCU故障应急预案"), "the plans can be read");
  await accessible(a, "预案");
  await a.getByRole("button", { name: "全文" }).click();
  check(await sees(a, "pre.text", "1"), "and printed as a text");
  await a.screenshot({ path: join(pictures, "plans.png") });
  check(a.errors.length + b.errors.length === 0, "no program errors " + [...a.errors, ...b.errors].join(" | "));
  await a.context().close();
  await b.context().close();
}

/** What a person may not do is not offered, and refused where it is asked for all the same. */
async function forbidden(browser) {
  const page = await signedIn(browser, address, "county-watch");
  await page.goto(`${address}/#during`);
  await page.waitForSelector(".alarms");
  check((await page.locator(".steps .now .actions button, .incident .actions button").count()) === 0, "who may only look is offered no step");
  const asked = async (method, path, body) => {
    const answer = await page.evaluate(async ([method, path, body]) => {
      const answer = await fetch(path, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
      return { status: answer.status, code: (await answer.json()).code };
    }, [method, path, body]);
    return `${answer.status} ${answer.code}`;
  };
  const duty = await asked("POST", "/api/v1/duty", { ask: "take_over", from: "day", to: "night" });
  check(duty === "403 forbidden", "taking over is refused: " + duty);
  const users = await asked("GET", "/api/v1/users");
  check(users === "403 forbidden", "the users are not shown: " + users);
  const other = await asked("POST", "/api/v1/venues/guidong/consent", { minutes: 30 });
  check(other === "403 forbidden" || other === "404 not_found", "another county's hall is not theirs: " + other);
  await page.context().close();
}

/** A session that ends while somebody looks leads to the sign-in, and signing in leads back. */
async function ended(browser) {
  const page = await signedIn(browser, address, "op-a");
  await page.waitForSelector(".alarms");
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  check(await page.waitForSelector("main.sign", { timeout: 15000 }).then(() => true, () => false), "a session that ended leads to the sign-in");
  await page.getByLabel("用户名").fill("op-a");
  await page.getByLabel("密码").fill("quiet River 7 stones");
  await page.getByRole("button", { name: "登录", exact: true }).click();
  check(await page.waitForSelector(".alarms", { timeout: 15000 }).then(() => true, () => false), "and back to where they were");
  await page.context().close();
}
