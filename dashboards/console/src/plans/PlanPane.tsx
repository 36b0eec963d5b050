// The plan of an incident beside the wall: what was done, what is to be done now and how long is left, what comes then.

import { useState } from "react";
import { useSecond } from "../frame/clock.ts";
import { Choice, Dialog, DialogForm } from "../frame/Dialog.tsx";
import { Icon } from "../frame/icons.tsx";
import { run as carryOut } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { clock, span } from "../words/time.ts";
import { usePlans } from "./plans.ts";
import { Reports } from "./Reports.tsx";
import { type Ask, askPlan, type Does, type Run, type Step, said, useRun, whoOf } from "./run.ts";
import { StepNow } from "./StepNow.tsx";
import "./plans.css";

interface PlanPaneProps {
  incident: number;
  /** Whether the incident is still open. */
  open: boolean;
  /** Whether this person may do anything but look. */
  allowed: boolean;
  /** Called after something was done. */
  again(): void;
}

export function PlanPane({ incident, open, allowed, again }: PlanPaneProps) {
  const w = useWords();
  const words = w.plan;
  const [run, read] = useRun(incident);
  const [asking, setAsking] = useState<"choose" | "stop" | null>(null);
  const ask = (what: Ask) =>
    void carryOut(askPlan(incident, what)).then(() => {
      read();
      again();
    });
  if (!run && !(open && allowed)) return null;
  return (
    <section className="run" aria-label={words.title}>
      <div className="plan-head">
        {run ? (
          <>
            <b>{words.named(run.title)}</b> <span className="mut num">{words.version(run.version)}</span>
            <div className="mut s">{run.why}</div>
          </>
        ) : (
          <span className="mut">{words.none}</span>
        )}
        {allowed && open && (
          <div className="actions">
            <button type="button" className="btn small" onClick={() => setAsking("choose")}>
              {words.choose}
            </button>
            {run && !run.ended && (
              <button type="button" className="btn small" onClick={() => setAsking("stop")}>
                {words.stop}
              </button>
            )}
          </div>
        )}
      </div>
      {run && (
        <ol className="steps">
          {run.steps.map((step, at) => (
            <StepLine
              key={step.id}
              run={run}
              step={step}
              at={at}
              allowed={allowed && open}
              does={(does) => ask({ ask: "step", step: step.id, does })}
            />
          ))}
        </ol>
      )}
      {run?.ended && <p className="mut ended">{words.ended(run.ended)}</p>}
      {run && <Reports reports={run.reports} />}
      {asking && <Asking what={asking} now={run?.plan ?? ""} close={() => setAsking(null)} ask={ask} />}
    </section>
  );
}

interface LineProps {
  run: Run;
  step: Step;
  at: number;
  allowed: boolean;
  does(does: Does): void;
}

/** One step: left, current, or ahead. */
function StepLine({ run, step, at, allowed, does }: LineProps) {
  const w = useWords();
  const words = w.plan;
  if (run.at?.id === step.id) return <StepNow now={run.at} step={step} allowed={allowed} does={does} />;
  const { left } = step;
  const limit = step.step.deadline;
  if (!left) {
    return (
      <li className="ahead">
        <span className="no num">{at + 1}</span>
        <div>
          {step.title} <span className="tag">{words.kinds[step.kind] ?? step.kind}</span>{" "}
          <span className="mut">{step.post}</span>
        </div>
        <span className="num mut">{limit && words.within(span(limit.after / 1e6))}</span>
      </li>
    );
  }
  return <LeftLine step={step} allowed={allowed && !left.undone} does={does} />;
}

const SIGNS: Record<string, [string, string]> = {
  done: ["✓", ""],
  restored: ["✓", ""],
  failed: ["◆", "urgent"],
  timed_out: ["▲", "major"],
  skipped: ["–", "mut"],
  left_out: ["–", "mut"],
};

/** A step that was left: how, by whom, and whether it can be taken back. */
function LeftLine({ step, allowed, does }: { step: Step; allowed: boolean; does(does: Does): void }) {
  const w = useWords();
  const words = w.plan;
  const [asking, setAsking] = useState(false);
  const { left } = step;
  if (!left) return null;
  const { kind } = step.step;
  const ordered = left.orders.length > 0;
  const undoable = kind.kind === "notify" ? false : kind.kind !== "automatic" || !ordered || kind.undo !== null;
  const [sign, css] = SIGNS[left.outcome.outcome] ?? ["–", "mut"];
  const note = noteOf(left.outcome);
  return (
    <li className="left">
      <span className={`no ${css}`}>{sign === "✓" ? <Icon name="done" /> : sign}</span>
      <div>
        {step.title} <b className={css}>{words.outcomes[left.outcome.outcome]}</b>
        <div className="mut s">
          {[
            note,
            left.agreed.length ? words.agreedBy(left.agreed.map(whoOf).join(w.frame.and)) : "",
            words.by(left.by.actor === "vcops" ? words.vcops : whoOf(left.by)),
          ]
            .filter(Boolean)
            .join(" · ")}
        </div>
        {left.undone && <div className="major s">▲ {words.undone(clock(left.undone))}</div>}
        {left.undo.length > 0 && !left.undone && (
          <div className="major s">{words.undoAgreed(left.undo.map(whoOf).join(w.frame.and))}</div>
        )}
        {allowed && undoable && (
          <button
            type="button"
            className="btn small"
            aria-label={`${words.undo} ${step.title}`}
            onClick={() => setAsking(true)}
          >
            {words.undo}
          </button>
        )}
      </div>
      <span className="num mut">{clock(left.at)}</span>
      {asking && (
        <Dialog title={`${words.undo} · ${step.title}`} close={() => setAsking(false)}>
          <DialogForm
            close={() => setAsking(false)}
            danger={ordered}
            done={(value) => {
              setAsking(false);
              does({ does: "undo", why: value("why").trim() });
            }}
          >
            <p>
              {ordered && kind.kind === "automatic"
                ? words.undoDevices(words.remedies[kind.undo ?? ""] ?? "")
                : words.undoTick}
            </p>
            <label>
              <span>{w.incident.why}</span>
              <textarea name="why" rows={2} required maxLength={500} />
            </label>
          </DialogForm>
        </Dialog>
      )}
    </li>
  );
}

function noteOf(outcome: NonNullable<Step["left"]>["outcome"]): string {
  if (outcome.outcome === "done") return outcome.note;
  if (outcome.outcome === "failed") return said(outcome.why);
  if (outcome.outcome === "skipped") return outcome.why;
  return "";
}

interface AskingProps {
  what: "choose" | "stop";
  /** The plan that runs. */
  now: string;
  close(): void;
  ask(what: Ask): void;
}

/** Another plan, or none, with the reason. */
function Asking({ what, now, close, ask }: AskingProps) {
  const w = useWords();
  const words = w.plan;
  const plans = usePlans();
  const offered = (plans ?? []).filter((plan) => plan.id !== now && !plan.disabled);
  if (what === "choose" && !plans) return null;
  return (
    <Dialog title={what === "choose" ? words.choose : words.stop} close={close}>
      <DialogForm
        close={close}
        done={(value) => {
          close();
          const why = value("why").trim();
          ask(what === "choose" ? { ask: "choose", plan: value("plan"), why } : { ask: "stop", why });
        }}
      >
        {what === "choose" && (
          <Choice
            label={words.title}
            name="plan"
            options={offered.map((plan): [string, string] => [plan.id, plan.title])}
          />
        )}
        <p className="mut">{what === "choose" ? words.chooseText : words.stopText}</p>
        <label>
          <span>{w.incident.why}</span>
          <textarea name="why" rows={2} required maxLength={500} />
        </label>
      </DialogForm>
    </Dialog>
  );
}

/** How long is left, or how long over; a shape and a word go with the colour. */
export function TimeLeft({ due, overdue }: { due: string | null; overdue: boolean }) {
  const now = useSecond();
  const w = useWords();
  if (overdue) return <b className="num urgent">◆ {w.plan.overdue}</b>;
  if (!due) return <span className="num mut">{w.plan.noLimit}</span>;
  const left = (Date.parse(due) - now) / 1000;
  if (left < 0) return <b className="num urgent">◆ {w.plan.over(span(-left))}</b>;
  return <b className={left < 15 ? "num major" : "num"}>{w.plan.left(span(left))}</b>;
}
