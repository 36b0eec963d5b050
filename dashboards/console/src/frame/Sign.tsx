// Signing in, and the first set-up.

import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { get, Problem, post, put, type Schemas } from "../api/client.ts";
import { lang, setLang, useWords } from "../words/index.ts";

export type Session = Schemas["SessionShown"];

interface SignProps {
  done(session: Session): void;
}

/** The form that fits. */
export function Sign({ done }: SignProps) {
  const w = useWords();
  const [setUp, setSetUp] = useState<boolean | null>(null);
  useEffect(() => {
    get("/api/v1/setup").then(
      (answer) => setSetUp(answer.set_up),
      () => setSetUp(true),
    );
  }, []);
  return (
    <main className="sign">
      <button type="button" className="btn corner" onClick={() => setLang(lang() === "zh" ? "en" : "zh")}>
        {w.frame.language}
      </button>
      {setUp === true && <SignIn done={done} />}
      {setUp === false && <SetUp done={done} />}
    </main>
  );
}

function SignIn({ done }: SignProps) {
  const w = useWords();
  const [second, setSecond] = useState(false);
  const send = async (value: (name: string) => string) => {
    const code = value("code").trim();
    const who = { user: value("user").trim(), password: value("password"), ...(code && { code }) };
    try {
      await post("/api/v1/session", who);
    } catch (problem) {
      if (problem instanceof Problem && problem.code === "second_factor_needed") setSecond(true);
      throw problem;
    }
  };
  return (
    <Form title={w.sign.signIn} verb={w.sign.signIn} send={send} done={done}>
      <Field label={w.sign.user} name="user" complete="username" first />
      <Field label={w.sign.password} name="password" complete="current-password" secret />
      {second && <Field label={w.sign.code} name="code" complete="one-time-code" />}
    </Form>
  );
}

/** A password that is too old, or that an administrator gave: nothing goes on before it is changed. */
export function Renew({ done }: SignProps) {
  const w = useWords();
  const send = (value: (name: string) => string) =>
    put("/api/v1/session/password", { old: value("old"), new: value("new") });
  return (
    <main className="sign">
      <Form title={w.sign.renew} verb={w.frame.save} text={w.sign.renewText} send={send} done={done}>
        <Field label={w.frame.oldPassword} name="old" complete="current-password" secret first />
        <Field label={w.frame.newPassword} name="new" complete="new-password" secret hint={w.sign.passwordHint} />
      </Form>
    </main>
  );
}

function SetUp({ done }: SignProps) {
  const w = useWords();
  const send = (value: (name: string) => string) =>
    post("/api/v1/setup", {
      token: value("token").trim(),
      user: value("user").trim(),
      name: value("name").trim(),
      password: value("password"),
    });
  return (
    <Form title={w.sign.setUp} verb={w.sign.create} text={w.sign.setUpText} send={send} done={done}>
      <Field label={w.sign.token} name="token" complete="off" first />
      <Field label={w.sign.user} name="user" complete="username" />
      <Field label={w.sign.name} name="name" complete="name" />
      <Field label={w.sign.password} name="password" complete="new-password" secret hint={w.sign.passwordHint} />
    </Form>
  );
}

interface FieldProps {
  label: string;
  name: string;
  complete: string;
  secret?: boolean;
  first?: boolean;
  hint?: string;
}

function Field({ label, name, complete, secret, first, hint }: FieldProps) {
  return (
    <label>
      <span>{label}</span>
      <input
        name={name}
        type={secret ? "password" : "text"}
        autoComplete={complete}
        autoCapitalize="none"
        spellCheck={false}
        required
        // biome-ignore lint/a11y/noAutofocus: the form is all there is on this page
        autoFocus={first}
      />
      {hint && <small className="mut">{hint}</small>}
    </label>
  );
}

interface FormProps extends SignProps {
  title: string;
  verb: string;
  text?: string;
  send(value: (name: string) => string): Promise<unknown>;
  children: ReactNode;
}

function Form({ title, verb, text, send, done, children }: FormProps) {
  const w = useWords();
  const [told, setTold] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    setBusy(true);
    setTold("");
    try {
      await send((name) => String(data.get(name) ?? ""));
      done(await get("/api/v1/session"));
    } catch (problem) {
      const retry = problem instanceof Problem && problem.retryAfter;
      setTold(`${(problem as Error).message}${retry ? ` — ${w.sign.retryIn(Math.ceil(retry))}` : ""}`);
      setBusy(false);
    }
  };
  return (
    <form className="panel" onSubmit={submit}>
      <h1>{w.frame.title}</h1>
      <h2>{title}</h2>
      {text && <p className="mut">{text}</p>}
      {children}
      <p className="told" role="alert">
        {told}
      </p>
      <button type="submit" className="btn go" disabled={busy}>
        {verb}
      </button>
    </form>
  );
}
