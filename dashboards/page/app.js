// The page as a whole: who is signed in, which room is open, and the rehearsal room itself.

import { el, fill, refill, ask } from "./dom.js";
import { get, post, call, Live } from "./api.js";
import { w, lang, setLang, clock, today, span } from "./words.js";
import { showSign } from "./sign.js";
import { MatrixView, troubled } from "./matrix.js";
import { SideView, choice, dialogForm } from "./side.js";
import { WallView } from "./wall.js";

const root = document.getElementById("app");
const state = { session: null, room: "before", meetings: [], meeting: null, matrix: null, selected: null, onlyProblems: false, unrecorded: false, live: null };
let view = null;

boot();

async function boot() {
  setLang(lang());
  await oneTimeLink();
  try {
    enter(await get("/api/v1/session"));
  } catch (_) {
    showSign(root, enter);
  }
}

/** Spends `?login=…` and takes it out of the address at once. */
async function oneTimeLink() {
  const token = new URLSearchParams(location.search).get("login");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  await post("/api/v1/session/link", { token }).catch(() => null);
}

async function enter(session) {
  state.session = session;
  await readMeetings();
  build();
  follow();
}

function leave() {
  if (state.live) state.live.close();
  closeWall();
  Object.assign(state, { session: null, live: null, matrix: null, selected: null });
  view = null;
  showSign(root, enter);
}

async function readMeetings() {
  state.meetings = (await get("/api/v1/meetings").catch(() => ({ items: [] }))).items;
  const still = state.meetings.find((meeting) => meeting.id === state.meeting);
  if (!still) state.meeting = pick(state.meetings);
}

/** The meeting to show first: the one with a running round, else the next to start, else the last. */
function pick(meetings) {
  const running = meetings.find((meeting) => meeting.rounds.some((round) => !round.ended));
  const next = meetings.find((meeting) => meeting.phase !== "over");
  const one = running || next || meetings[meetings.length - 1];
  return one ? one.id : null;
}

const roles = () => state.session.grants.map((grant) => grant.role);
const has = (...names) => roles().some((role) => names.includes(role));
const may = {
  get people() { return has("technician", "county_technician", "operator", "manager"); },
  get work() { return has("technician", "county_technician"); },
  get run() { return has("technician"); },
  get waive() { return has("technician"); },
  get sign() { return has("technician", "manager"); },
  get see() { return has("technician", "county_technician", "operator", "manager"); },
};

/** Carries a command out; what failed is told where it can be seen. */
async function run(promise) {
  try {
    await promise;
    told("");
    return true;
  } catch (problem) {
    if (problem.status === 401) { leave(); return false; }
    told(w().fail + "：" + problem.message + (problem.items.length ? " — " + problem.items.slice(0, 6).join("；") : ""));
    return false;
  }
}

function told(text) {
  if (view) { view.told.textContent = text; view.told.hidden = !text; }
}

function build() {
  closeWall();
  view = { clock: el("span.num"), stale: el("div.banner.stale", { role: "alert", hidden: true }), told: el("div.banner.told", { role: "alert", hidden: true }), unrecorded: el("div.banner.urgent", { role: "alert", hidden: true }) };
  view.matrix = new MatrixView(select);
  view.side = new SideView(may, run);
  view.strip = el("section.panel.strip");
  view.main = el("main");
  // On this machine itself nobody listens on the way.
  const local = /^(localhost|127\.[0-9.]+|\[::1\])$/.test(location.hostname);
  const plain = !state.session.tls && !local && el("div.banner.plain", null, w().plain);
  fill(root, header(), plain, view.stale, view.unrecorded, view.told, view.main);
  openRoom(state.room);
}

function header() {
  const nav = ["before", "during", "after", "manage"].map((room) =>
    el("a", { href: "#" + room, class: state.room === room ? "on" : "", "aria-current": state.room === room ? "page" : null, onclick: (event) => { event.preventDefault(); state.room = room; build(); draw(); } }, w()[room]));
  const regions = new Map();
  for (const grant of state.session.grants) regions.set(grant.region_text, [...(regions.get(grant.region_text) || []), grant.role_text]);
  const who = [...regions].map(([region, held]) => held.join(w().and) + " · " + region).join("；") || state.session.user;
  return el("header.top", null, el("b", null, w().title), el("nav", { "aria-label": w().title }, nav),
    el("div.right", null, view.clock, el("span", { title: state.session.name }, who),
      el("button.link", { type: "button", onclick: () => { setLang(lang() === "zh" ? "en" : "zh"); relabel(); } }, w().language),
      el("button.link", { type: "button", onclick: () => call("DELETE", "/api/v1/session").catch(() => null).then(leave) }, w().signOut)));
}

async function relabel() {
  state.session = await get("/api/v1/session").catch(() => state.session);
  await readMeetings();
  build();
  follow();
}

function closeWall() {
  if (view && view.wall) view.wall.close();
  if (view) view.wall = null;
  delete document.documentElement.dataset.theme;
}

function openWall() {
  if (!may.see) return empty(w().noStreamRight, w().noRightText);
  document.documentElement.dataset.theme = "wall";
  view.wall = new WallView(may, { signedOut: leave, unrecorded: (on) => { view.unrecorded.hidden = !on; view.unrecorded.textContent = w().unrecorded; } });
  view.main.className = "live";
  fill(view.main, view.wall.node);
}

function openRoom(room) {
  if (room === "during") return openWall();
  if (room !== "before") return empty(w().notYet, w().notYetText);
  if (!may.see) return empty(w().noRight, w().noRightText);
  if (!state.meeting) return empty(w().noMeeting, w().noMeetingText);
  view.main.className = "rehearsal";
  fill(view.main, view.strip, view.matrix.node, view.side.node);
}

function empty(title, text) {
  view.main.className = "empty";
  fill(view.main, el("div.panel.note", null, el("h2", null, title), el("p.mut", null, text)));
}

function follow() {
  if (state.live) state.live.close();
  state.live = null;
  if (!state.meeting || !may.see) return;
  state.live = new Live("meeting=" + encodeURIComponent(state.meeting), { message: heard, signedOut: leave });
}

function heard(message) {
  if (message.t !== "matrix") return;
  const before = state.matrix;
  state.matrix = message.matrix;
  state.unrecorded = message.unrecorded;
  const now = message.matrix;
  const sameRound = before && now && before.round === now.round;
  if (!sameRound || (before && !before.ended) !== (now && !now.ended)) readMeetings().then(draw);
  if (sameRound && !before.ended && now.ended) document.getElementById("announce").textContent = w().roundOver;
  draw();
}

function select(venue, check) {
  if (state.selected && state.selected.venue === venue && state.selected.check === check) return;
  state.selected = { venue, check };
  draw();
}

function draw() {
  if (!view || state.room !== "before" || !state.meeting) return;
  view.unrecorded.hidden = !state.unrecorded;
  view.unrecorded.textContent = w().unrecorded;
  drawStrip();
  const matrix = state.matrix;
  if (!matrix) {
    view.matrix.shape = null;
    fill(view.matrix.node, el("p.quiet", null, w().noRound));
    view.side.clear();
    return;
  }
  if (!state.selected || !matrix.rows.some((row) => row.venue === state.selected.venue)) {
    const first = matrix.rows.find((row) => row.verdict === "fail") || matrix.rows.find(troubled) || matrix.rows[0];
    if (first && matrix.ended) state.selected = { venue: first.venue, check: null };
  }
  view.matrix.show(matrix, state.selected, state.onlyProblems);
  const chosen = matrix.rows.find((row) => state.selected && row.venue === state.selected.venue) || matrix.rows.find(troubled) || matrix.rows[0];
  if (chosen) view.side.show(matrix, chosen, state.selected && state.selected.check);
}

function drawStrip() {
  const meeting = state.meetings.find((one) => one.id === state.meeting);
  if (!meeting) return;
  const matrix = state.matrix;
  const sign = JSON.stringify([meeting, state.meetings.length, matrix && [matrix.round, matrix.ended, matrix.open.length, matrix.signatures, matrix.rows.filter(troubled).length], state.onlyProblems, lang()]);
  refill(view.strip, sign, () => [
    el("div.title", null, meetingTitle(meeting), " ", el("span.tag", null, meeting.profile), el("div.mut.s", null, w().mainVenue(meeting.main_venue), " · ", w().venues(meeting.venues))),
    timeline(meeting), (view.progress = el("div.progress.num")), buttons(meeting, matrix),
  ]);
  drawProgress();
}

function meetingTitle(meeting) {
  if (state.meetings.length < 2) return el("b", null, meeting.name);
  const change = (event) => { state.meeting = event.target.value; state.matrix = null; state.selected = null; follow(); draw(); };
  const options = state.meetings.map((one) => el("option", { value: one.id, selected: one.id === meeting.id }, one.name));
  return el("select", { onchange: change, "aria-label": w().before }, options);
}

/** Rounds so far, the newest few, then roll call and start. */
function timeline(meeting) {
  const rounds = meeting.rounds.slice(-3).map((round) =>
    el("li", { class: round.ended ? "" : "on" }, el("span.num", null, clock(round.opened, true)), el("br"), round.kind_text, " ", round.ended ? "✓" : w().running));
  return el("ol.tl", null, rounds,
    el("li", null, el("span.num", null, clock(meeting.roll_call_at, true)), el("br"), w().rollCall),
    el("li", null, el("span.num", null, clock(meeting.starts, true)), el("br"), w().starts));
}

function drawProgress() {
  const matrix = state.matrix;
  if (!matrix || !view.progress) return;
  const { progress } = matrix;
  const elapsed = matrix.ended ? progress.elapsed_s : Math.max(progress.elapsed_s, (Date.now() - Date.parse(matrix.opened)) / 1000);
  const rest = !matrix.ended && progress.share > 0.15 && progress.share < 1 ? elapsed * (1 - progress.share) / progress.share : null;
  const percent = Math.round(progress.share * 100);
  refill(view.progress, JSON.stringify([progress.venues_done, progress.venues, span(elapsed), percent, matrix.ended, lang()]), () => [
    el("b", null, progress.venues_done + " / " + progress.venues), " ", w().tested, " · ", w().took, " ", span(elapsed),
    rest !== null && rest < 3600 && " · " + w().left(Math.ceil(rest)),
    el("progress", { max: 100, value: percent, "aria-label": w().tested }),
  ]);
}

function buttons(meeting, matrix) {
  const wrong = matrix ? matrix.rows.filter(troubled).length : 0;
  const open = matrix && !matrix.ended;
  const base = matrix && "/api/v1/rounds/" + matrix.round;
  return el("div.actions", null,
    may.run && !open && el("button.btn.go", { type: "button", onclick: () => newRound(meeting) }, w().newRound),
    matrix && el("button.btn", { type: "button", "aria-pressed": String(state.onlyProblems), onclick: () => { state.onlyProblems = !state.onlyProblems; draw(); } }, w().onlyProblems, " ", el("b", null, String(wrong))),
    may.run && matrix && el("button.btn", { type: "button", onclick: () => run(post(base + "/retest", { scope: "not_passed" })) }, w().retestFailed),
    may.run && open && el("button.btn", { type: "button", onclick: () => closeRound(base) }, w().closeRound),
    matrix && el("button.btn", { type: "button", onclick: () => signatures(matrix, base) }, w().sign, matrix.open.length > 0 && el("span.mut", null, `（${w().openItems(matrix.open.length)}）`)),
    matrix && el("a.btn", { href: base + "/form?lang=" + lang(), target: "_blank", rel: "noopener" }, w().form));
}

async function newRound(meeting) {
  const kind = await ask(w().newRound, (done) => {
    const kinds = choice(w().kind, ["whole_network", "single_point", "dress_rehearsal", "pre_meeting"].map((kind) => [kind, w()[kind]]));
    return dialogForm(done, () => kinds.select.value, kinds.node);
  });
  if (kind) run(post("/api/v1/rounds", { meeting: meeting.id, kind, venues: [] }));
}

async function closeRound(base) {
  const sure = await ask(w().closeRound, (done) => dialogForm(done, () => true, el("p", null, w().closeAsk)));
  if (sure) run(post(base + "/close"));
}

async function signatures(matrix, base) {
  const signature = await ask(w().sign, (done) => {
    const list = el("ul.signatures", null, matrix.signatures.map((one) => el("li", null, el("b", null, one.party_text), " ", one.person ? `${one.person} · ${clock(one.at, true)}` : w().none)));
    const open = matrix.open.length > 0 && el("div.mut.s", null, w().signBlocked, el("ul", null, matrix.open.slice(0, 12).map((item) => el("li", null, item)), matrix.open.length > 12 && el("li", null, "…")));
    const missing = matrix.signatures.filter((one) => !one.person);
    if (!may.sign || open || !missing.length) return el("div.body", null, list, open, el("button.btn", { type: "button", onclick: () => done() }, w().ok));
    const party = choice(w().party, missing.map((one) => [one.party, one.party_text]));
    const person = el("input", { required: true, value: state.session.name });
    return el("div.body", null, list, dialogForm(done, () => ({ party: party.select.value, person: person.value.trim() }), party.node, el("label", null, el("span", null, w().person), person)));
  });
  if (signature) run(post(base + "/signoff", signature));
}

/** Once a second: the clock, the running time, and how old the news is. */
setInterval(() => {
  if (!view) return;
  view.clock.textContent = today(new Date());
  if (state.room === "before") drawProgress();
  if (view.wall) view.wall.draw();
  const age = view.wall ? view.wall.age() : state.live ? state.live.age() : 0;
  const stale = age > 5;
  document.body.classList.toggle("disconnected", stale);
  view.stale.hidden = !stale;
  if (stale) view.stale.textContent = w().stale(Math.floor(age));
}, 1000);
