// Each kind of person at the console of the demo, under a name that browsers do not take for this machine: what they
// see, what they do, what they may not. Two administrators at once; an account that is disabled while it looks.
//
//   node people.mjs URL SOCKET [PICTURES]     the demo's page and its local socket

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessible, check, made as madeBy, PASSWORD, play, sees, signedIn as signIn } from "./stage.mjs";

const [url, socket, pictures = "target/screens"] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const address = url.replace("127.0.0.1", "people.test").replace(/\/$/, "");
const made = (id, role, region) => madeBy(socket, id, role, region);
let browser;
const signedIn = (id, password) => signIn(browser, address, id, { password });

await play([
  async (started) => { browser = started; },
  secretKeeper, twoAdministrators, auditor, county,
], { host: "people.test" });

/** The security administrator adds a user, who signs in, and disables the account while it looks. */
async function secretKeeper() {
  await made("keeper", "security_admin");
  const wrongly = await signedIn("keeper", "something else 9");
  check(await sees(wrongly, "[role=alert]", "用户名或密码"), "a wrong password is told");
  const page = await signedIn("keeper");
  check(await sees(page, ".page h1", "用户与角色"), "the security administrator's day begins with the users");
  check(!(await page.textContent(".pages")).includes("会场"), "and shows no venues");
  await page.getByRole("button", { name: "新增用户" }).click();
  await page.getByLabel("用户名").fill("newcomer");
  await page.getByLabel("姓名").fill("新来的");
  await page.getByLabel("初始密码").fill("short");
  await page.waitForTimeout(300);
  await accessible(page, "the form of a user");
  await page.getByRole("button", { name: "保存" }).click();
  check(await sees(page, ".ant-alert", "密码强度不够"), "a weak password is refused, and the form stays");
  await page.getByLabel("初始密码").fill(PASSWORD);
  await page.getByRole("button", { name: "保存" }).click();
  check(await sees(page, ".ant-table-row", "newcomer"), "the new user is in the list");
  await page.screenshot({ path: join(pictures, "users.png") });
  const other = await signedIn("newcomer");
  check(await sees(other, ".mx tbody td", "市政府小礼堂"), "who signs in, and sees the rehearsal: a technician by the form's default");
  await page.getByRole("button", { name: "停用 newcomer" }).click();
  check(await other.waitForSelector("main.sign", { timeout: 30000 }).then(() => true, () => false), "a disabled account sees nothing more within half a minute");
  check(page.errors.length + other.errors.length === 0, "no program errors " + [...page.errors, ...other.errors].join(" | "));
}

/** Two system administrators change the same inventory; what would break is refused item by item. */
async function twoAdministrators() {
  await made("admin-a", "system_admin");
  await made("admin-b", "system_admin");
  const [a, b] = [await signedIn("admin-a"), await signedIn("admin-b")];
  for (const page of [a, b]) {
    await page.goto(`${address}/#manage/venues`);
    await page.getByRole("button", { name: "修改 北湖区" }).click();
    await page.waitForSelector(".ant-modal input");
  }
  await a.locator(".ant-modal").getByLabel("名称").fill("北湖区会场");
  await a.getByRole("button", { name: "保存" }).click();
  check(await sees(a, ".ant-table-row", "北湖区会场"), "one saves");
  await b.locator(".ant-modal").getByLabel("名称").fill("北湖");
  await b.getByRole("button", { name: "保存" }).click();
  check(await sees(b, ".ant-alert", "清单已被别人改过"), "the other is told, and nothing is lost");
  check((await b.locator(".ant-modal").getByLabel("名称").inputValue()) === "北湖", "what was typed is still there");
  await b.getByRole("button", { name: "保存" }).click();
  check(await sees(b, ".ant-table-row", "北湖 beihu"), "and saves on the newer version");
  await b.waitForSelector(".ant-modal", { state: "detached" });
  await b.getByRole("button", { name: "删除 北湖", exact: true }).click();
  await b.getByRole("button", { name: "删除", exact: true }).last().click();
  check(await sees(b, ".banner.told", "beihu"), "what others refer to is not removed, and they are named");
  await b.goto(`${address}/#manage/meetings`);
  await b.getByRole("button", { name: "新增" }).click();
  await b.getByRole("button", { name: "保存" }).click();
  check(await sees(b, ".ant-form-item-explain-error", "必填"), "a form says what is missing");
  await accessible(b, "a form with mistakes");
  await b.goto(`${address}/#before`);
  check(await sees(b, "main", "没有这一部分的权限"), "an administrator of the system sees no rehearsal");
  check(a.errors.length + b.errors.length === 0, "no program errors " + [...a.errors, ...b.errors].join(" | "));
}

async function auditor() {
  await made("auditor", "auditor");
  const page = await signedIn("auditor");
  await page.goto(`${address}/#manage/journal`);
  check(await sees(page, ".ant-table-row", "inventory_changed"), "the auditor reads what changed");
  check(await sees(page, ".ant-table-row", "user:admin-b"), "and who did it");
  await page.locator(".ant-table-row-expand-icon").first().click();
  check(await sees(page, ".ant-table-expanded-row", "\"kind\""), "and the whole of a row");
  await accessible(page, "the journal");
  await page.screenshot({ path: join(pictures, "journal.png") });
  check(page.errors.length === 0, "no program errors " + page.errors.join(" | "));
}

async function county() {
  await made("guidong", "county_technician", "r-guidong");
  const page = await signedIn("guidong");
  await page.waitForSelector(".mx tbody tr");
  const rows = await page.$$eval(".mx tbody tr", (nodes) => nodes.map((node) => node.textContent));
  check(rows.length === 1 && rows[0].includes("桂东县"), "a county's technician sees the own venue: " + rows.join(","));
  check((await page.$$("[data-key=cell], [data-key=venue]")).length === 2, "and may retest it");
  check((await page.$("[data-key=waive]")) === null && (await page.getByRole("button", { name: "开始联调" }).count()) === 0, "but neither waive nor start a round");
  await page.locator("[data-key=cell]").click();
  await page.waitForTimeout(1500);
  const told = await page.$eval(".banner.told", (node) => node.textContent).catch(() => "");
  // Once the meeting has begun no line is tested any more, and the page says why.
  check(told === "" || told.includes("不再主动测试"), "the retest is taken, or refused for the meeting's sake: " + told);
}
