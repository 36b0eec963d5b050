// What the daemon may ask a person for before it goes on: the password once more, a new password, a second factor; and
// what those see who come with a link instead of an account. Answers are put in the daemon's mouth here: the daemon's
// own side is tested beside it.
//
//   node asked.mjs URL SOCKET [PICTURES]

import { join } from "node:path";
import { accessible, check, local, made, page, play, sees, signedIn } from "./stage.mjs";

const [url, socket, pictures = "target/screens"] = process.argv.slice(2);
const address = url.replace("127.0.0.1", "asked.test").replace(/\/$/, "");
const problem = (status, code, title) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ type: `/problems/${code}`, title, status, code }) });
const fine = (body) => ({ status: 200, contentType: "application/json", body: JSON.stringify(body) });
const SESSION = { user: "x", name: "甲", grants: [{ role: "operator", role_text: "值机员", region: null, region_text: "全部区域" }], tls: false, version: "0" };

await play([proof, renewed, secondFactor, checklist, wallboard], { host: "asked.test" });

/** A command that disturbs is answered with a question; once it is answered, the command goes on by itself. */
async function proof(browser) {
  await made(socket, "asked", "technician");
  const at = await signedIn(browser, address, "asked");
  await at.waitForSelector(".mx tbody tr");
  let asked = 0;
  await at.route("**/api/v1/venues/*/consent", (route) => { asked += 1; return route.fulfill(asked === 1 ? problem(403, "proof_needed", "请再次输入口令确认") : fine({ done: true })); });
  const given = [];
  await at.route("**/api/v1/session/proof", (route) => {
    given.push(route.request().postDataJSON());
    return route.fulfill(given.length === 1 ? problem(403, "bad_secret", "密码不对") : fine({ proved_until: new Date(Date.now() + 6e5).toISOString() }));
  });
  await at.locator(".mx tbody tr").first().click();
  await at.locator("[data-key=consent]").click();
  await at.locator("dialog[open] button[type=submit]").click();
  check(await sees(at, "dialog[open]", "请再次输入密码"), "the password is asked for once more");
  await accessible(at, "the question for the password");
  await at.locator("dialog[open] input[type=password]").fill("wrong");
  await at.locator("dialog[open] button[type=submit]").click();
  check(await sees(at, "dialog[open] [role=alert]", "密码不对"), "a wrong one is told, and the question stays");
  await at.locator("dialog[open] input[type=password]").fill("right");
  await at.locator("dialog[open] button[type=submit]").click();
  await at.waitForSelector("dialog", { state: "detached" });
  await at.waitForTimeout(500);
  check(asked === 2 && given.length === 2, `and the command goes on by itself: asked ${asked} times`);
  check((await at.locator(".banner.told").count()) === 0, "nothing is told as failed");
  asked = 0;
  await at.locator("[data-key=consent]").click();
  await at.locator("dialog[open] button[type=submit]").click();
  await at.waitForSelector("dialog[open] input[type=password]");
  await at.keyboard.press("Escape");
  check(await sees(at, ".banner.told", "请再次输入口令确认"), "who does not answer is told that nothing was done");
  await at.context().close();
}

async function renewed(browser) {
  const at = await page(browser);
  let must = true;
  await at.route("**/api/v1/session", (route) => route.fulfill(fine({ ...SESSION, must_change_password: must })));
  await at.route("**/api/v1/session/password", (route) => { must = false; return route.fulfill(fine({ done: true })); });
  await at.goto(address);
  check(await sees(at, "main.sign", "修改密码"), "a password that an administrator set is changed before anything else");
  await accessible(at, "the change of the password");
  await at.getByLabel("原密码").fill("old");
  await at.getByLabel("新密码").fill("quiet River 7 stones");
  await at.getByRole("button", { name: "保存", exact: true }).click();
  check(await at.waitForSelector("header.top", { timeout: 10000 }).then(() => true, () => false), "and then the day begins");
  await at.context().close();
}

async function secondFactor(browser) {
  const at = await page(browser);
  const given = [];
  await at.route("**/api/v1/session", (route) => {
    if (route.request().method() === "GET") return route.fulfill(given.length < 2 ? problem(401, "not_signed_in", "请先登录") : fine(SESSION));
    given.push(route.request().postDataJSON());
    return route.fulfill(given.length === 1 ? problem(401, "second_factor_needed", "请输入动态验证码") : fine(SESSION));
  });
  await at.goto(address);
  await at.getByLabel("用户名").fill("x");
  await at.getByLabel("密码", { exact: true }).fill("right");
  await at.getByRole("button", { name: "登录", exact: true }).click();
  await at.getByLabel("动态验证码").fill("123456");
  await at.getByRole("button", { name: "登录", exact: true }).click();
  check(await at.waitForSelector("header.top", { timeout: 10000 }).then(() => true, () => false) && given[1].code === "123456" && !("code" in given[0]), "a second factor is asked for only from who has one");
  await at.context().close();
}

/** A county's link opens the checklist of its venue and nothing else. */
async function checklist(browser) {
  const matrix = await local(socket, "GET", "/v1/rounds/1/matrix");
  const row = matrix.rows[6];
  const item = (check, verdict) => ({ ...row.cells[0], check, key: {}, verdict, verdict_text: "未应答", room: null, shown: [], link: null });
  const one = { ...matrix, columns: [...matrix.columns, { id: "room:lighting", title: "灯光", kind: "room" }, { id: "confirm:picture", title: "图像", kind: "confirm" }], rows: [{ ...row, cells: [...row.cells, item("room:lighting", null), item("confirm:picture", null)] }] };
  const at = await page(browser, { width: 1024, height: 768 });
  const given = [];
  let token = "";
  await at.route("**/api/v1/session/pass", (route) => { token = route.request().postDataJSON().token; return route.fulfill(fine({ id: "p" })); });
  await at.route("**/api/v1/session", (route) => route.fulfill(fine({ ...SESSION, grants: [], opens: { opens: "checklist", meeting: "demo", venue: row.venue } })));
  await at.route("**/api/v1/checklist**", (route) => {
    if (route.request().method() === "POST") given.push(route.request().postDataJSON());
    return route.fulfill(fine(route.request().method() === "POST" ? { done: true } : { venue: row.venue, name: row.name, matrix: one }));
  });
  await at.goto(`${address}/?pass=abc`);
  check(await sees(at, ".checklist h1", "自检清单") && token === "abc" && !at.url().includes("pass="), "a county's link leads to its checklist, and leaves the address");
  check((await at.locator("header.top").count()) === 0, "and to nothing else");
  await accessible(at, "the checklist");
  await at.screenshot({ path: join(pictures, "checklist.png") });
  await at.locator("section", { hasText: "灯光" }).locator("input").fill("主席台一组灯不亮");
  await at.getByRole("button", { name: "有问题 灯光" }).click();
  await at.getByRole("button", { name: "正常 图像" }).click();
  await at.getByRole("button", { name: "测试本会场线路" }).click();
  await at.waitForTimeout(500);
  check(JSON.stringify(given) === JSON.stringify([{ room: "lighting", outcome: "faulty", note: "主席台一组灯不亮" }, { confirm: "picture", outcome: "in_order", note: "" }, {}]), "what is found is sent, and the lines are tested: " + JSON.stringify(given));
  await at.context().close();
}

/** A wallboard shows the wall, and has nothing to press that acts. */
async function wallboard(browser) {
  const signed = await signedIn(browser, address, "asked");
  await signed.route("**/api/v1/session", (route) => route.fulfill(fine({ ...SESSION, grants: [], opens: { opens: "wallboard", region: null } })));
  await signed.goto(`${address}/?pass=abc`);
  await signed.reload();
  check(await signed.waitForSelector(".wall .t", { timeout: 20000 }).then(() => true, () => false), "a wallboard's token leads to the wall");
  check((await signed.locator("header.top nav").count()) === 0 && (await signed.locator(".incident .actions button, .steps .actions button").count()) === 0, "without navigation, and with nothing to do");
  await signed.screenshot({ path: join(pictures, "wallboard.png") });
  await signed.context().close();
}
