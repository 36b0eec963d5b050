// Faults of running streams on the page: types each into the demo and measures, in the browser, how long it takes from
// its onset, as the demo dates it, until the list of what is wrong names it.
//
//   node faults.mjs URL PICTURES SAID TYPED     what the demo has said so far, and where it reads what is typed
//
// A bar missed on a busy machine is printed, not failed: benches measure. A fault that does not show, or does not go
// away again, fails.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, page as reader, play } from "./stage.mjs";

const [url, pictures, said, typed] = process.argv.slice(2);
const FAULTS = [
  { fault: "freeze", words: ["图像冻结"], bar: 1000 },
  { fault: "black", words: ["黑屏"], bar: 600 },
  { fault: "mute", words: ["静音", "无声音", "无声"] },
  { fault: "loss", words: ["码流丢包", "花屏"] },
  { fault: "cut", words: ["无图像无声音"], bar: 1000 },
];
const [, listener, speaker] = readFileSync(said, "utf8").match(/freeze (\S+) \/ clear \S+ \/ mute (\S+)/);
await play([async (browser) => {
  const page = await reader(browser, { storageState: join(pictures, "session.json") });
  await page.goto(url);
  await page.getByRole("link", { name: "会中", exact: true }).click();
  await page.waitForSelector(".troubles");
  await page.waitForFunction(() => document.querySelectorAll(".t.drawn").length >= 12, null, { timeout: 60000 });
  for (const { fault, words, bar } of FAULTS) await one(page, fault, words, bar);
}]);

async function one(page, fault, words, bar) {
  const stream = fault === "mute" ? speaker : listener;
  const shown = page.evaluate(([words, limit]) => new Promise((resolve) => {
    const list = document.querySelector(".troubles");
    const look = () => words.some((word) => list.textContent.includes(word)) && (resolve(Date.now()), true);
    const watching = new MutationObserver(() => { if (look()) watching.disconnect(); });
    watching.observe(list, { childList: true, subtree: true, characterData: true });
    look();
    setTimeout(() => resolve(null), limit);
  }), [words, 40000]);
  writeFileSync(typed, `${fault} ${stream}\n`);
  const at = await shown;
  check(at !== null, `${fault} of ${stream} is on the page`);
  if (at === null) return;
  const began = await onset(fault, stream);
  const took = at - began;
  const verdict = bar ? (took <= bar ? `, bar ${bar} ms kept` : `, bar ${bar} ms MISSED`) : "";
  console.log(`     ${fault}: ${took} ms from the onset to the page${verdict}`);
  await page.screenshot({ path: join(pictures, `fault-${fault}.png`) });
  writeFileSync(typed, `clear ${stream}\n`);
  const gone = page.waitForFunction((words) => !words.some((word) => document.querySelector(".troubles").textContent.includes(word)), words, { timeout: 60000 });
  check(await gone.then(() => true, () => false), `${fault} goes away again`);
}

/** When a fault truly began, as the demo says once it has seen it itself. */
async function onset(fault, stream) {
  const line = new RegExp(`^${fault} ${stream}: .*发生于 (\\S+)\\)`, "m");
  for (let n = 0; n < 100; n += 1) {
    const found = readFileSync(said, "utf8").match(line);
    if (found) return Date.parse(found[1]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the demo does not say when ${fault} began`);
}
