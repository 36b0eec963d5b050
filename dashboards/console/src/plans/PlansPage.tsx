// The emergency plans 应急预案, to be read: which there are, whether each is approved and due to be looked over, and one
// of them whole, step by step and as a text to print. They are written in files and submitted.

import { useState } from "react";
import { go } from "../frame/route.ts";
import { Scroll } from "../frame/Scroll.tsx";
import { useWords, type Words } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { span } from "../words/time.ts";
import { type Plan, usePlan, usePlans } from "./plans.ts";
import { type PlanHead, type PlanStep, said } from "./run.ts";
import "./plans.css";

/** Today as plans write days. */
const today = (): string => {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
};

const isDue = (plan: PlanHead) => plan.review < today();

export function PlansPage({ subject }: { subject: string }) {
  const w = useWords();
  const words = w.plan;
  const plans = usePlans();
  const [typed, setTyped] = useState("");
  const shown = (plans ?? []).filter((plan) => meant(`${plan.title} ${plan.id} ${classesOf(plan, w)}`, typed));
  const chosen = shown.find((plan) => plan.id === subject) ?? shown[0];
  return (
    <div className="incidents plans">
      <section className="panel board" aria-busy={plans === null}>
        <div className="filter">
          <h1>{words.plans}</h1>
          <span className="mut num">{words.count(shown.length)}</span>
          <input
            type="search"
            aria-label={w.frame.search}
            placeholder={w.frame.searchHint}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <span className="mut s">{words.written}</span>
        </div>
        <div className="scroll">
          <ol className="heads">
            {shown.map((plan) => (
              <li key={plan.id} className={plan.id === chosen?.id ? "sel" : ""}>
                <button
                  type="button"
                  className="row"
                  aria-pressed={plan.id === chosen?.id}
                  onClick={() => go("during", "plans", plan.id)}
                >
                  <b className="what">{plan.title}</b>
                  <span className="num mut">{words.version(plan.version)}</span>
                  <span className="num mut">{words.stepCount(plan.steps)}</span>
                  <span className="tags">
                    {plan.disabled && <span className="tag">{words.disabled}</span>}
                    {plan.shipped && <span className="tag">{words.shipped}</span>}
                    <span className={plan.approved ? "tag" : "tag minor"}>
                      {plan.approved ? words.approved : `● ${words.notApproved}`}
                    </span>
                    {isDue(plan) && <span className="tag major">▲ {words.reviewDue(plan.review)}</span>}
                  </span>
                  <span className="mut s classes">{classesOf(plan, w)}</span>
                </button>
              </li>
            ))}
          </ol>
          {plans && !shown.length && <p className="quiet">{words.noPlans}</p>}
        </div>
      </section>
      {chosen && <Whole key={chosen.id} head={chosen} />}
    </div>
  );
}

const classesOf = (plan: PlanHead, w: Words): string =>
  plan.classes.map((one) => w.incident.classes[one] ?? one).join(w.frame.and);

function Whole({ head }: { head: PlanHead }) {
  const w = useWords();
  const words = w.plan;
  const whole = usePlan(head.id);
  const [asText, setAsText] = useState(false);
  if (!whole) return <section className="panel board" aria-busy="true" />;
  const { plan } = whole;
  return (
    <section className="panel board whole" aria-label={head.title}>
      <div className="filter">
        <h2>{head.title}</h2>
        <span className="mut num">{words.version(plan.version)}</span>
        <button type="button" className="btn" aria-pressed={asText} onClick={() => setAsText(!asText)}>
          {words.asText}
        </button>
        <button type="button" className="btn" onClick={() => window.print()}>
          {w.incident.print}
        </button>
      </div>
      <Scroll name={head.title}>
        {asText ? <pre className="text">{whole.text}</pre> : <Steps plan={plan} head={head} />}
      </Scroll>
    </section>
  );
}

function Steps({ plan, head }: { plan: Plan; head: PlanHead }) {
  const w = useWords();
  const words = w.plan;
  return (
    <>
      <p>{said(plan.scope)}</p>
      <dl className="moments">
        <div>
          <dt>{words.owner}</dt>
          <dd>{said(plan.owner)}</dd>
        </div>
        <div>
          <dt>{words.approval}</dt>
          <dd>
            {plan.approved ? (
              `${plan.approved.by} ${plan.approved.on}`
            ) : (
              <span className="minor">● {words.notApproved}</span>
            )}
          </dd>
        </div>
        <div>
          <dt>{words.reviewBy}</dt>
          <dd className="num">
            {isDue(head) ? <b className="major">▲ {words.reviewDue(plan.review)}</b> : plan.review}
          </dd>
        </div>
      </dl>
      <ol className="steps">
        {plan.steps.map((step, at) => (
          <li key={step.id} className="ahead">
            <span className="no num">{at + 1}</span>
            <div>
              <b>{said(step.title)}</b> <span className="tag">{words.kinds[step.kind.kind] ?? step.kind.kind}</span>{" "}
              {step.kind.kind === "automatic" && <span className="tag">{words.confirm[step.kind.confirm]}</span>}
              {step.how && <div>{said(step.how)}</div>}
              <div className="mut">{textOf(step, w)}</div>
            </div>
            <span className="num mut">
              {step.deadline && (
                <>
                  {words.within(span(step.deadline.after / 1e6))}
                  <div className="s">{words.inTime[step.deadline.then]}</div>
                </>
              )}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

/** What a step says, asks or would do. */
function textOf(step: PlanStep, w: Words): string {
  const { kind } = step;
  switch (kind.kind) {
    case "manual":
      return "";
    case "evidence":
      return said(kind.what);
    case "automatic":
      return `${w.plan.dryRun(said(kind.dry_run))} ${kind.undo ? w.plan.canUndo(w.plan.remedies[kind.undo] ?? kind.undo) : w.plan.cannotUndo}`;
    case "decision":
      return `${said(kind.question)} ${kind.branches.map((branch) => said(branch.answer)).join(" / ")}`;
    case "wait":
      return w.plan.until[kind.until] ?? kind.until;
    case "telephone":
      return w.plan.say(said(kind.say));
    case "notify":
      return w.plan.tells(w.plan.tellTo[kind.to] ?? kind.to, said(kind.text));
  }
}
