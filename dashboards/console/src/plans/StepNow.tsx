// The step that a plan stands at: what is done, to whom, what proves it, and the buttons of its kind. A device is told
// nothing by a bare key: whoever agrees reads first what would be done.

import { useEffect, useRef, useState } from "react";
import { Dialog, DialogForm } from "../frame/Dialog.tsx";
import { Icon } from "../frame/icons.tsx";
import { useSession } from "../frame/rights.ts";
import { useWords } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { TimeLeft } from "./PlanPane.tsx";
import { usePersons } from "./plans.ts";
import { type Call, type Does, type StepNow as Now, type Step, said, whoOf } from "./run.ts";

interface StepNowProps {
  now: Now;
  step: Step;
  allowed: boolean;
  does(does: Does): void;
}

/** What a dialog asks for. */
type Asks = "agree" | "done" | "called" | "failed" | "skip";

export function StepNow({ now, step, allowed, does }: StepNowProps) {
  const w = useWords();
  const words = w.plan;
  const [asking, setAsking] = useState<Asks | null>(null);
  const line = useRef<HTMLLIElement>(null);
  // On a low screen the steps before it would hide it.
  useEffect(() => {
    line.current?.scrollIntoView({ block: "nearest" });
  }, []);
  const { kind } = step.step;
  const limit = step.step.deadline;
  return (
    <li className="now" aria-current="step" ref={line}>
      <span className="no">
        <Icon name="open" />
      </span>
      <div>
        <b>{step.title}</b> <span className="tag">{words.kinds[step.kind] ?? step.kind}</span>{" "}
        {step.rung && <span className="tag">{step.rung}</span>} <span className="mut">{step.post}</span>
        {step.how && <div>{step.how}</div>}
        <What step={step} now={now} />
        {now.held && <div className="say major">▲ {words.held(now.held)}</div>}
        {now.running && <div className="say minor">{words.running}</div>}
        {limit && !now.overdue && <div className="mut s">{words.inTime[limit.then]}</div>}
        {now.overdue && <div className="urgent s">{words.wasDue(limit ? (words.late[limit.then] ?? "") : "")}</div>}
        {allowed && !now.running && (
          <div className="actions">
            <Buttons step={step} now={now} does={does} ask={setAsking} />
            <button type="button" className="btn small" onClick={() => setAsking("failed")}>
              {kind.kind === "telephone" ? words.notReached : words.failed}
            </button>
            <button type="button" className="btn small" onClick={() => setAsking("skip")}>
              {words.skip}
            </button>
          </div>
        )}
      </div>
      <span>
        <TimeLeft due={now.due} overdue={now.overdue} />
        <div className="num mut s">{clock(now.since)}</div>
      </span>
      {asking && <Asking asks={asking} step={step} close={() => setAsking(null)} does={does} />}
    </li>
  );
}

/** What is done, in the words of its kind. */
function What({ step, now }: { step: Step; now: Now }) {
  const w = useWords();
  const words = w.plan;
  const { kind } = step.step;
  switch (kind.kind) {
    case "manual":
      return null;
    case "evidence":
      return <div>{said(kind.what)}</div>;
    case "decision":
      return <div className="ask">{said(kind.question)}</div>;
    case "wait":
      return <div>{words.until[kind.until] ?? kind.until}</div>;
    case "notify":
      return <div>{words.tells(words.tellTo[kind.to] ?? kind.to, said(kind.text))}</div>;
    case "telephone":
      return (
        <>
          <Calls calls={now.call} />
          <div>{words.say(said(kind.say))}</div>
        </>
      );
    case "automatic":
      return (
        <>
          <div>{words.dryRun(said(kind.dry_run))}</div>
          <div className="mut s">
            {words.proves(words.verify[kind.verify] ?? kind.verify)} ·{" "}
            {kind.undo ? words.canUndo(words.remedies[kind.undo] ?? kind.undo) : words.cannotUndo}
          </div>
          {now.agree > 0 && (
            <div>
              {words.confirm[kind.confirm]}{" "}
              <b className="num">
                {now.agreed.length}/{now.agree}
              </b>{" "}
              {now.agreed.length > 0 && words.agreedBy(now.agreed.map(whoOf).join(w.frame.and))}
            </div>
          )}
        </>
      );
  }
}

/** Whom to call: people by name and number, offices by theirs. */
function Calls({ calls }: { calls: Call[] }) {
  const w = useWords();
  const { may } = useSession();
  const persons = usePersons(may("people") && calls.some((call) => call.person));
  if (!calls.length) return <div className="mut">{w.plan.nobodyToCall}</div>;
  return (
    <div className="calls">
      {calls.map((call) => {
        const person = persons?.find((one) => one.id === call.person);
        const numbers = person ? person.numbers.map((one) => one.number) : call.number ? [call.number] : [];
        return (
          <div className="call" key={`${call.person} ${call.office}`}>
            <Icon name="phone" /> <b>{person?.name ?? call.office ?? call.person}</b>{" "}
            {numbers.length ? (
              numbers.map((number) => (
                <span className="num" key={number}>
                  {number}{" "}
                </span>
              ))
            ) : (
              <span className="mut">{w.plan.noNumber}</span>
            )}
          </div>
        );
      })}
    </div>
  );
}

interface ButtonsProps {
  step: Step;
  now: Now;
  does(does: Does): void;
  ask(asks: Asks): void;
}

/** The buttons that take the step forward. */
function Buttons({ step, now, does, ask }: ButtonsProps) {
  const w = useWords();
  const words = w.plan;
  const { session } = useSession();
  const { kind } = step.step;
  switch (kind.kind) {
    case "decision":
      return (
        <>
          {kind.branches.map((branch, at) => (
            <button
              key={branch.answer.zh}
              type="button"
              className="btn go"
              onClick={() => does({ does: "answer", answer: at + 1 })}
            >
              {said(branch.answer)}
            </button>
          ))}
        </>
      );
    case "telephone":
      return (
        <button type="button" className="btn go" onClick={() => ask("called")}>
          {words.called}
        </button>
      );
    case "evidence":
      return (
        <button type="button" className="btn go" onClick={() => ask("done")}>
          {words.done}…
        </button>
      );
    case "automatic": {
      const mine = now.agreed.some((by) => whoOf(by) === session.user);
      return (
        <>
          {now.agree > now.agreed.length && (
            <button type="button" className="btn go" disabled={mine} onClick={() => ask("agree")}>
              {mine ? words.otherNeeded : now.agreed.length + 1 < now.agree ? words.agree : words.execute}…
            </button>
          )}
          <button type="button" className="btn small" onClick={() => ask("done")}>
            {words.byHand}…
          </button>
        </>
      );
    }
    case "manual":
    case "wait":
    case "notify":
      return (
        <button type="button" className="btn go" onClick={() => does({ does: "done", note: "" })}>
          {words.done}
        </button>
      );
  }
}

interface AskingProps {
  asks: Asks;
  step: Step;
  close(): void;
  does(does: Does): void;
}

function Asking({ asks, step, close, does }: AskingProps) {
  const w = useWords();
  const words = w.plan;
  const { kind } = step.step;
  const send = (value: (name: string) => string) => {
    close();
    const text = value("text").trim();
    if (asks === "agree") does({ does: "agree" });
    else if (asks === "skip") does({ does: "skip", why: text });
    else if (asks === "failed") does({ does: "failed", note: text });
    else does({ does: "done", note: text });
  };
  return (
    <Dialog title={`${words.asks[asks]} · ${step.title}`} close={close}>
      <DialogForm
        done={send}
        close={close}
        verb={asks === "agree" ? words.execute : undefined}
        danger={asks === "agree"}
      >
        {asks === "agree" && kind.kind === "automatic" && (
          <>
            <p>{words.dryRun(said(kind.dry_run))}</p>
            <p className="mut">
              {kind.undo ? words.canUndo(words.remedies[kind.undo] ?? kind.undo) : words.cannotUndo}
            </p>
            {kind.confirm === "two" && <p className="mut">{words.confirm.two}</p>}
          </>
        )}
        {asks === "done" && kind.kind === "evidence" && <p>{said(kind.what)}</p>}
        {asks !== "agree" && (
          <label>
            <span>{asks === "skip" || asks === "failed" ? w.incident.why : words.note}</span>
            <textarea name="text" rows={3} required={asks !== "called"} maxLength={1000} />
          </label>
        )}
      </DialogForm>
    </Dialog>
  );
}
