// Signing in, and the first set-up.

import { el, fill } from "./dom.js";
import { call, post } from "./api.js";
import { w, lang, setLang } from "./words.js";

/** Shows the form that fits; calls `done(session)` once signed in. */
export async function showSign(root, done) {
  const setup = await call("GET", "/api/v1/setup").catch(() => ({ set_up: true }));
  const again = () => showSign(root, done);
  fill(root, el("main.sign", null, languageButton(again), setup.set_up ? signIn(done) : setUp(done)));
  const first = root.querySelector("input");
  if (first) first.focus();
}

function languageButton(again) {
  return el("button.btn.corner", { type: "button", onclick: () => { setLang(lang() === "zh" ? "en" : "zh"); again(); } }, w().language);
}

function signIn(done) {
  const user = field(w().user, { name: "user", autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const password = field(w().password, { name: "password", type: "password", autocomplete: "current-password" });
  return form(w().signIn, w().signIn, null, [user, password], () =>
    post("/api/v1/session", { user: user.input.value.trim(), password: password.input.value }), done);
}

function setUp(done) {
  const token = field(w().token, { name: "token", autocomplete: "off", spellcheck: false });
  const user = field(w().user, { name: "user", autocomplete: "username", autocapitalize: "none", spellcheck: false });
  const name = field(w().name, { name: "name", autocomplete: "name" });
  const password = field(w().password, { name: "password", type: "password", autocomplete: "new-password" }, w().passwordHint);
  return form(w().setUp, w().create, w().setUpText, [token, user, name, password], () =>
    post("/api/v1/setup", {
      token: token.input.value.trim(), user: user.input.value.trim(), name: name.input.value.trim(), password: password.input.value,
    }), done);
}

function field(label, props, hint) {
  const input = el("input", { required: true, type: "text", ...props });
  return { input, node: el("label", null, el("span", null, label), input, hint && el("small.mut", null, hint)) };
}

function form(title, verb, text, fields, send, done) {
  const told = el("p.told", { role: "alert" });
  const button = el("button.btn.go", { type: "submit" }, verb);
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    told.textContent = "";
    try {
      done(await send());
    } catch (problem) {
      told.textContent = problem.message + (problem.retryAfter ? " — " + w().retryIn(Math.ceil(problem.retryAfter)) : "");
      button.disabled = false;
    }
  };
  return el("form.panel", { onsubmit: submit, novalidate: false },
    el("h1", null, w().title), el("h2", null, title), text && el("p.mut", null, text), fields.map((f) => f.node), told, button);
}
