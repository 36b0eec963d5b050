// What axe-core finds wrong for people who cannot see or point well: serious and critical findings only.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Findings on the page as it is now, one to a line. */
export async function findings(page) {
  // Evaluated by the debugger: the page's own policy lets no script in.
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
    const grave = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
    return grave.map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
  });
}
