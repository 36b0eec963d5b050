// Runs the console's own tests: pure parts in `tests/`, then the budgets of what was built.

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { budgets } from "./budgets.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const server = await createServer({
  root,
  configFile: false,
  appType: "custom",
  logLevel: "error",
  server: { middlewareMode: true, hmr: false, ws: false },
});
let passed = 0;
const wrong = [];

async function check(name, test) {
  try {
    await test();
    passed += 1;
  } catch (error) {
    wrong.push(`${name}: ${error.message}`);
    console.log(`FAIL ${name}\n     ${error.message}`);
  }
}

try {
  for (const file of readdirSync(new URL("../tests/", import.meta.url)).filter((name) => name.endsWith(".test.ts"))) {
    const { tests } = await server.ssrLoadModule(`/tests/${file}`);
    for (const [name, test] of Object.entries(tests)) await check(`${file} · ${name}`, test);
  }
} finally {
  await server.close();
}
await check("budgets", budgets);
console.log(`console: ${passed} passed, ${wrong.length} failed`);
process.exit(wrong.length ? 1 : 0);
