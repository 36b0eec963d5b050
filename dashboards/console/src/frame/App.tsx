// The page as a whole: who is signed in, which room is open, how old the news is.

import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { ask, get, post, put, remove, whenPasswordExpired, whenSignedOut } from "../api/client.ts";
import { connection, SILENT_S } from "../api/connection.ts";
import { lang, setLang, useLang, useWords } from "../words/index.ts";
import { today, zone } from "../words/time.ts";
import { Boundary } from "./Boundary.tsx";
import { useSecond } from "./clock.ts";
import { Dialog, DialogForm } from "./Dialog.tsx";
import { Proof } from "./Proof.tsx";
import { home, mayOf, mustRenew, opensOf, SessionContext, useSession } from "./rights.ts";
import { go, hrefOf, ROOMS, type Room, routeNow, useRoute } from "./route.ts";
import { Renew, type Session, Sign } from "./Sign.tsx";
import { chooseTheme, setRoomTheme, type ThemeChoice, useThemeChoice } from "./theme.ts";
import { announce, run, tellFailure, useTold } from "./told.ts";

/** The rooms' own pieces. */
const PIECES = {
  before: () => import("../rehearsal/Rehearsal.tsx"),
  during: () => import("../wall/Wall.tsx"),
  after: () => import("../incidents/After.tsx"),
  manage: () => import("../manage/Manage.tsx"),
};
const Wall = lazy(PIECES.during);
const Rehearsal = lazy(PIECES.before);
const After = lazy(PIECES.after);
const During = lazy(() => import("../duty/During.tsx"));
const Manage = lazy(PIECES.manage);
const Checklist = lazy(() => import("../pass/Checklist.tsx"));

// The piece that the address asks for comes while the daemon is asked who is signed in.
const first = routeNow().room;
if (first) void PIECES[first]().catch(() => null);

/** Spends `?login=…`, or comes in with `?pass=…`, and takes it out of the address at once. */
async function oneTimeLink(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const [token, pass] = [query.get("login"), query.get("pass")];
  if (!token && !pass) return;
  history.replaceState(null, "", location.pathname + location.hash);
  if (token) await post("/api/v1/session/link", { token }).catch(() => null);
  if (pass) await ask("POST", "/api/v1/session/pass", { token: pass }).catch(() => null);
}

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [asked, setAsked] = useState(false);
  const language = useLang();
  const leave = useCallback(() => setSession(null), []);
  useEffect(() => {
    whenSignedOut(leave);
    whenPasswordExpired(() => void get("/api/v1/session").then(setSession, () => null));
    oneTimeLink()
      .then(() => get("/api/v1/session"))
      .then(setSession, () => null)
      .finally(() => setAsked(true));
  }, [leave]);
  // Words of roles and regions come from the daemon.
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when the language changes
  useEffect(() => {
    if (session) get("/api/v1/session").then(setSession, () => null);
  }, [language]);
  if (!asked) return null;
  if (!session) return <Sign done={setSession} />;
  if (mustRenew(session)) return <Renew done={setSession} />;
  const opens = opensOf(session);
  if (opens?.opens === "checklist")
    return (
      <Suspense fallback={null}>
        <Checklist />
      </Suspense>
    );
  if (opens?.opens === "wallboard") return <Wallboard session={session} leave={leave} />;
  return <Signed session={session} leave={leave} />;
}

function Signed({ session, leave }: { session: Session; leave(): void }) {
  const route = useRoute();
  const value = useMemo(() => ({ session, may: mayOf(session) }), [session]);
  const room: Room = route.room ?? home(session).room;
  useEffect(() => {
    if (!route.room) {
      const first = home(session);
      go(first.room, first.page);
    }
  }, [route.room, session]);
  useEffect(() => {
    setRoomTheme(room === "during" ? "dark" : "light");
    tellFailure("");
  }, [room]);
  return (
    <SessionContext.Provider value={value}>
      <Header room={room} leave={leave} />
      <Banners tls={session.tls} />
      <Proof />
      <Boundary room={room}>
        <Suspense fallback={<main className="empty" aria-busy="true" />}>
          {room === "before" && <Rehearsal />}
          {room === "during" &&
            (route.page === "duty" || route.page === "plans" ? (
              <During page={route.page} subject={route.subject} />
            ) : (
              <Wall leave={leave} />
            ))}
          {room === "after" && <After />}
          {room === "manage" && <Manage />}
        </Suspense>
      </Boundary>
    </SessionContext.Provider>
  );
}

/** A big screen: the wall and nothing to press; how old it is, and the time, stay. */
function Wallboard({ session, leave }: { session: Session; leave(): void }) {
  const w = useWords();
  const value = useMemo(() => ({ session, may: mayOf(session) }), [session]);
  useEffect(() => setRoomTheme("dark"), []);
  return (
    <SessionContext.Provider value={value}>
      <header className="top">
        <b>{w.frame.title}</b>
        <span className="tag">{w.pass.wallboard}</span>
        <div className="right">
          <Clock />
        </div>
      </header>
      <Banners tls={session.tls} />
      <Boundary room="during">
        <Suspense fallback={<main className="empty" aria-busy="true" />}>
          <Wall leave={leave} />
        </Suspense>
      </Boundary>
    </SessionContext.Provider>
  );
}

function Header({ room, leave }: { room: Room; leave(): void }) {
  const w = useWords();
  const { session } = useSession();
  const [own, setOwn] = useState(false);
  const held = new Map<string, string[]>();
  for (const grant of session.grants)
    held.set(grant.region_text, [...(held.get(grant.region_text) ?? []), grant.role_text]);
  const who = [...held].map(([region, roles]) => `${roles.join(w.frame.and)} · ${region}`).join("；") || session.user;
  return (
    <header className="top">
      <b>{w.frame.title}</b>
      <nav aria-label={w.frame.rooms}>
        {ROOMS.map((one) => (
          <a
            key={one}
            href={hrefOf(one)}
            className={one === room ? "on" : ""}
            aria-current={one === room ? "page" : undefined}
          >
            {w.frame[one]}
          </a>
        ))}
      </nav>
      <div className="right">
        <Clock />
        <button type="button" className="link" title={session.name} aria-haspopup="dialog" onClick={() => setOwn(true)}>
          {who}
        </button>
        <button type="button" className="link" onClick={() => setLang(lang() === "zh" ? "en" : "zh")}>
          {w.frame.language}
        </button>
      </div>
      {own && <Own close={() => setOwn(false)} leave={leave} />}
    </header>
  );
}

function Clock() {
  const now = useSecond();
  const w = useWords();
  const { short, name } = zone();
  return (
    <span className="num" title={w.frame.zone(name)}>
      {today(new Date(now))} <span className="mut">{short}</span>
    </span>
  );
}

/** The own account: theme, password, leaving. */
function Own({ close, leave }: { close(): void; leave(): void }) {
  const w = useWords();
  const { session } = useSession();
  const theme = useThemeChoice();
  const [told, setTold] = useState("");
  const change = async (value: (name: string) => string) => {
    const done = await run(put("/api/v1/session/password", { old: value("old"), new: value("new") }));
    if (done) setTold(w.frame.passwordChanged);
  };
  const signOut = () =>
    remove("/api/v1/session")
      .catch(() => null)
      .then(leave);
  const themes: [ThemeChoice, string][] = [
    ["room", w.frame.themeRoom],
    ["light", w.frame.themeLight],
    ["dark", w.frame.themeDark],
  ];
  return (
    <Dialog title={`${w.frame.me} · ${session.name}`} close={close}>
      <div className="body">
        <fieldset className="choice">
          <legend>{w.frame.theme}</legend>
          {themes.map(([value, text]) => (
            <label key={value} className="line">
              <input type="radio" name="theme" checked={theme === value} onChange={() => chooseTheme(value)} /> {text}
            </label>
          ))}
        </fieldset>
        <h3>{w.frame.password}</h3>
        <DialogForm done={change} close={close} verb={w.frame.save}>
          <label>
            <span>{w.frame.oldPassword}</span>
            <input name="old" type="password" autoComplete="current-password" required />
          </label>
          <label>
            <span>{w.frame.newPassword}</span>
            <input name="new" type="password" autoComplete="new-password" required minLength={10} />
            <small className="mut">{w.sign.passwordHint}</small>
          </label>
          <p role="status">{told}</p>
        </DialogForm>
        <div className="actions">
          <button type="button" className="btn" onClick={signOut}>
            {w.frame.signOut}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function Banners({ tls }: { tls: boolean }) {
  const w = useWords();
  const { failed, unrecorded } = useTold();
  // On this machine itself nobody listens on the way.
  const local = /^(localhost|127\.[0-9.]+|\[::1\])$/.test(location.hostname);
  return (
    <>
      {!tls && !local && <div className="banner plain">{w.frame.plain}</div>}
      <Silence />
      {unrecorded && (
        <div className="banner urgent" role="alert">
          {w.frame.unrecorded}
        </div>
      )}
      {failed && (
        <div className="banner told" role="alert">
          {failed}
          <button type="button" className="link" onClick={() => tellFailure("")}>
            {w.frame.close}
          </button>
        </div>
      )}
    </>
  );
}

/** A silent line is told with its age, and everything goes grey: old news must not look like news. */
function Silence() {
  useSecond();
  const w = useWords();
  const age = Math.floor(connection.age());
  const silent = age >= SILENT_S;
  useEffect(() => {
    document.body.classList.toggle("disconnected", silent);
    if (silent) announce(w.frame.stale(SILENT_S));
  }, [silent, w]);
  if (!silent) return null;
  return <div className="banner stale num">{w.frame.stale(age)}</div>;
}
