// Dashboards and rules against a live scrape: starts Debian's Prometheus on the demo's /metrics with our rules, waits
// until its own input ends, and then asks that Prometheus whether everything that dashboards and rules name was there.
//
//   node dashboards.mjs URL [SECONDS] < PIPE     judges when PIPE is closed, or after so many seconds

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [url, seconds] = process.argv.slice(2);
const folder = fileURLToPath(new URL("../../dashboards/", import.meta.url));
const rules = ["recording.yml", "alerts.yml"].map((name) => join(folder, "prometheus", name));
let passed = 0;
const wrong = [];
function check(holds, what) {
  if (holds) passed += 1; else wrong.push(what);
  console.log((holds ? "ok   " : "FAIL ") + what);
}

/** What has a sample only once something happened that a good day does not bring. The sources register each: that is
 * held by the tidy tests. */
const SELDOM = new Set([
  "vcops_worker_restarts_total", "vcops_notices_given_up_total", "vcops_device_pushes_total", "vcops_device_actions_total",
  "vcops_notice_answers_total", "vcops_heartbeats_total", "vcops_notice_attempts_total",
]);
const WORDS = new Set(["and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset", "inf", "nan", "group_left", "group_right"]);

/** Metrics that an expression names: what stands neither in quotes, braces or brackets, nor before a parenthesis. */
function metricsOf(expr) {
  const bare = expr
    .replace(/#.*$/gm, "")
    .replace(/"[^"]*"|'[^']*'/g, '""')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  const names = bare.replace(/\s+\(/g, "(").matchAll(/[a-zA-Z_:][\w:]*(?![\w:(])/g);
  return [...names].map(([name]) => name).filter((name) => !WORDS.has(name));
}

/** A dashboard's expressions, with the values that Grafana would put for its variables. */
function panelsOf(name) {
  const board = JSON.parse(readFileSync(join(folder, "grafana", name), "utf8"));
  const shown = board.panels.filter((panel) => panel.type !== "row");
  return { board, panels: shown };
}
const filled = (expr) => expr.replaceAll("$__rate_interval", "1m").replace(/=~"\$\w+"/g, '=~".+"').replace(/="\$\w+"/g, '=~".+"');

const port = await free();
const home = mkdtempSync(join(tmpdir(), "vcops-prometheus-"));
writeFileSync(join(home, "prometheus.yml"), JSON.stringify({
  global: { scrape_interval: "1s", evaluation_interval: "1s" },
  rule_files: rules,
  scrape_configs: [{ job_name: "vcops", static_configs: [{ targets: [new URL(url).host] }] }],
}));
const server = spawn("prometheus", [
  `--config.file=${join(home, "prometheus.yml")}`, `--storage.tsdb.path=${join(home, "data")}`,
  `--web.listen-address=127.0.0.1:${port}`, "--log.level=warn",
], { stdio: ["ignore", "inherit", "inherit"] });
try {
  if (seconds) await pause(Number(seconds) * 1000);
  else for await (const _ of process.stdin);
  command("promtool check rules", ["check", "rules", ...rules]);
  command("promtool test rules", ["test", "rules", join(folder, "prometheus", "tests.yml")]);
  command("promtool check config", ["check", "config", join(folder, "prometheus", "prometheus.yml")]);
  metrics(await (await fetch(new URL("/metrics", url))).text());
  await judge();
} catch (error) {
  wrong.push(String(error));
  console.log("FAIL " + error);
} finally {
  server.kill();
  await new Promise((resolve) => server.once("exit", resolve));
  rmSync(home, { recursive: true, force: true });
}
console.log(`dashboards: ${passed} passed, ${wrong.length} failed`);
process.exit(wrong.length ? 1 : 0);

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A port that nobody listens on. */
function free() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function command(what, args) {
  try {
    execFileSync("promtool", args, { stdio: "pipe" });
    check(true, what);
  } catch (error) {
    check(false, `${what}: ${error.stdout}${error.stderr}`);
  }
}

/** The text of a scrape, as Prometheus' own linter sees it. */
function metrics(text) {
  try {
    execFileSync("promtool", ["check", "metrics"], { input: text, stdio: "pipe" });
    check(true, "promtool check metrics");
  } catch (error) {
    const said = `${error.stdout}${error.stderr}`.trim().split("\n");
    // Kilobits and milliseconds are how the field speaks; the linter wants base units.
    const grave = said.filter((line) => line && !/use base unit|abbreviated units|non-histogram and non-summary|"(count|ratio|info)"/.test(line));
    check(grave.length === 0, `promtool check metrics ${grave.join(" · ")}`);
  }
}

async function ask(path, query) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(query)}`);
  const body = await answer.json();
  if (body.status !== "success") throw new Error(body.error);
  return body.data;
}

async function judge() {
  const targets = await ask("targets", {});
  check(targets.activeTargets.every((one) => one.health === "up"), `the scrape is up ${targets.activeTargets.map((one) => one.lastError).join("")}`);
  const there = new Set(await ask("label/__name__/values", {}));
  const groups = (await ask("rules", {})).groups;
  const known = groups.flatMap((group) => group.rules);
  const sick = known.filter((rule) => rule.health !== "ok").map((rule) => `${rule.name}: ${rule.lastError}`);
  check(known.length >= 30 && sick.length === 0, `${known.length} rules are evaluated ${sick.join(" · ")}`);
  const named = new Map(known.map((rule) => [`rule ${rule.name}`, metricsOf(rule.query)]));
  for (const name of readdirSync(join(folder, "grafana"))) await dashboard(name, named);
  const all = [...new Set([...named.values()].flat())].sort();
  const ofOurs = all.filter((name) => !there.has(name) && !SELDOM.has(name));
  const whose = (name) => [...named].filter(([, names]) => names.includes(name)).map(([where]) => where).join(", ");
  check(ofOurs.length === 0, `${all.length} metrics are named and were scraped: missing ${ofOurs.map((name) => `${name} (${whose(name)})`).join(" · ") || "none"}`);
  const seldom = all.filter((name) => !there.has(name));
  if (seldom.length) console.log(`     did not happen here: ${seldom.join(", ")}`);
  const unused = [...there].filter((name) => /^vcops_/.test(name)).filter((name) => !all.includes(name) && !all.some((one) => one.replace(/_(bucket|sum|count)$/, "") === name.replace(/_(bucket|sum|count)$/, "")));
  check(unused.length === 0, `what is scraped is shown somewhere: ${unused.join(", ") || "all of it"}`);
  const firing = (await ask("alerts", {})).alerts.filter((one) => one.state === "firing").map((one) => one.labels.alertname);
  console.log(`     firing now: ${[...new Set(firing)].join(", ") || "nothing"}`);
}

async function dashboard(name, named) {
  const { board, panels } = panelsOf(name);
  const wordless = panels.filter((panel) => !/[\u4e00-\u9fff]/.test(panel.title) || !panel.description || !panel.fieldConfig.defaults.unit);
  check(/[\u4e00-\u9fff]/.test(board.title) && wordless.length === 0, `${board.title}: every panel has a Chinese title, a description and a unit ${wordless.map((panel) => panel.title).join(", ")}`);
  const tied = panels.filter((panel) => [panel, ...panel.targets].some((one) => one.datasource.uid !== "${source}"));
  check(tied.length === 0 && board.templating.list[0].type === "datasource", `${board.title}: the source of data is chosen, not fixed`);
  const mistakes = [];
  let filledPanels = 0;
  for (const panel of panels) {
    let samples = 0;
    for (const { expr, legendFormat } of panel.targets) {
      named.set(`${board.title} · ${panel.title}`, [...(named.get(`${board.title} · ${panel.title}`) ?? []), ...metricsOf(expr)]);
      try {
        const { result } = await ask("query", { query: filled(expr) });
        samples += result.length;
        const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
        const lacks = labels.filter((label) => result.some((one) => !(label in one.metric)));
        if (lacks.length) mistakes.push(`${panel.title}: no label ${lacks.join(", ")}`);
      } catch (error) {
        mistakes.push(`${panel.title}: ${error.message}`);
      }
    }
    if (samples) filledPanels += 1;
  }
  for (const variable of board.templating.list.slice(1)) {
    const [, metric, label] = variable.definition.match(/^label_values\((\w+), (\w+)\)$/);
    const values = await ask(`label/${label}/values`, { "match[]": metric });
    if (!values.length) mistakes.push(`$${variable.name} has no values`);
  }
  check(mistakes.length === 0, `${board.title}: every expression is one ${mistakes.join(" · ")}`);
  console.log(`     ${filledPanels} of ${panels.length} panels show something now`);
}
