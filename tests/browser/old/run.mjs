// The console in Chromium 90, under a name that browsers do not take for this machine: signs in, looks at each room,
// opens a dialog of each kind. Any error on the console fails the run.
//
//   node run.mjs URL [PICTURES]     URL as the demo prints it, with ?login=…

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chromium.mjs";

const [url, pictures = "target/screens"] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
let passed = 0;
const wrong = [];
function check(holds, what) {
  if (holds) passed += 1; else wrong.push(what);
  console.log((holds ? "ok   " : "FAIL ") + what);
}

const { page, close } = await launch(["--host-resolver-rules=MAP console.test 127.0.0.1"]);
const keep = async (name) => writeFileSync(join(pictures, `chromium-90-${name}.png`), await page.picture());
try {
  await page.size(1366, 768);
  check((await page.evaluate("navigator.userAgent")).includes("Chrome/90."), "it is Chromium 90");
  await page.send("Page.navigate", { url });
  check(await page.until("document.querySelector('.mx tbody tr')"), "会前 shows the matrix");
  await signedInElsewhere();
  check(await page.until("document.querySelectorAll('.mx tbody tr').length >= 13"), "and under another name over plain http");
  check((await page.evaluate("window.isSecureContext")) === false, "which is no secure context");
  await keep("rehearsal");
  await page.evaluate("document.querySelector('[data-key=waive]').click()");
  check(await page.until("document.querySelector('dialog[open] textarea')"), "a dialog opens");
  await page.evaluate("document.querySelector('dialog[open] .actions button[type=button]').click()");
  await page.evaluate("location.hash = 'during'");
  check(await page.until("document.querySelectorAll('.t').length >= 13"), "会中 shows the wall");
  await page.until("document.querySelectorAll('.t.drawn').length >= 3", 8000);
  await keep("wall");
  await page.evaluate("location.hash = 'after'");
  check(await page.until("document.querySelector('main') && !document.querySelector('[aria-busy]')"), "会后 opens");
  await keep("after");
  await page.evaluate("location.hash = 'manage/venues'");
  check(await page.until("document.querySelectorAll('.ant-table-row').length >= 13"), "管理 shows the venues");
  await page.evaluate("document.querySelector('.ant-table-row button').click()");
  check(await page.until("document.querySelector('.ant-modal input')"), "a form opens");
  const styled = await page.evaluate("getComputedStyle(document.querySelector('.ant-modal-container, .ant-modal-content')).backgroundColor");
  check(styled === "rgb(255, 255, 255)", `the library has its styles: ${styled}`);
  await new Promise((resolve) => setTimeout(resolve, 600));
  await keep("manage");
  check(page.errors.length === 0, "no errors on the console " + page.errors.join(" | "));
} catch (error) {
  wrong.push(String(error));
  console.log("FAIL " + error);
} finally {
  close();
}
console.log(`${passed} passed, ${wrong.length} failed`);
process.exit(wrong.length ? 1 : 0);

/** The session goes along to a name that is not this machine's. */
async function signedInElsewhere() {
  const { cookies } = await page.send("Network.getCookies", { urls: [url] });
  for (const { name, value } of cookies) await page.send("Network.setCookie", { name, value, domain: "console.test", path: "/", httpOnly: true });
  await page.send("Page.navigate", { url: url.replace("127.0.0.1", "console.test").replace(/\?.*/, "") });
}
