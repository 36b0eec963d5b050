// A plan 预案 as people read it: what is done step by step, by machine or by whom, and what it would say and do.

import { lang, useWords } from "../words/index.ts";
import type { Item } from "./kinds.ts";

interface Text {
  zh: string;
  en: string;
}

interface StepKind {
  kind: string;
  confirm?: string;
  dry_run?: Text;
  question?: Text;
  say?: Text;
  text?: Text;
  what?: Text;
  attempts?: number;
}

interface Step {
  id: string;
  title: Text;
  how?: Text | null;
  kind: StepKind;
}

const said = (text: Text | null | undefined): string => (text ? text[lang()] : "");

export function PlanSteps({ plan }: { plan: Item }) {
  const w = useWords();
  const words = w.manage.plan;
  const steps = (plan.steps ?? []) as Step[];
  return (
    <div className="plan">
      <p>{said(plan.scope as Text)}</p>
      <p className="mut">
        {words.owner}
        {said(plan.owner as Text)}
      </p>
      <ol>
        {steps.map((step) => (
          <li key={step.id}>
            <b>{said(step.title)}</b> <span className="tag">{words.kinds[step.kind.kind] ?? step.kind.kind}</span>
            {step.kind.confirm && <span className="tag">{words.confirm[step.kind.confirm] ?? step.kind.confirm}</span>}
            <div className="mut">
              {[
                said(step.how),
                said(step.kind.dry_run ?? step.kind.question ?? step.kind.say ?? step.kind.text ?? step.kind.what),
              ]
                .filter(Boolean)
                .join(" · ")}
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}
