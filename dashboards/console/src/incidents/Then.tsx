// What was open at a moment of a meeting that is looked at again, and what had been done about it by then.

import { useEffect, useState } from "react";
import { get } from "../api/client.ts";
import { hrefOf } from "../frame/route.ts";
import { lookOf } from "../wall/stream.ts";
import { useLang, useWords } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { useIncidents } from "./data.ts";

/** Incidents whose steps are shown. */
const SHOWN = 8;

interface Step {
  at: string;
  by: string;
  text: string;
}

/** What happened to an incident; read once, what is past does not change. */
function useSteps(id: number): Step[] {
  const lang = useLang();
  const [steps, setSteps] = useState<Step[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  useEffect(() => {
    let gone = false;
    get("/api/v1/incidents/{id}", { path: { id } }).then(
      (given) => !gone && setSteps(given.timeline),
      () => null,
    );
    return () => {
      gone = true;
    };
  }, [id, lang]);
  return steps;
}

export function Then({ at }: { at: number }) {
  const w = useWords();
  const words = w.incident;
  const [heads] = useIncidents("all");
  const open = (heads ?? []).filter(
    (head) => Date.parse(head.onset) <= at && (head.resolvedAt === null || Date.parse(head.resolvedAt) > at),
  );
  return (
    <aside className="panel side" aria-label={words.ofMoment}>
      <h2>
        {words.ofMoment} <span className="sub num">{open.length}</span>
      </h2>
      {heads && !open.length && <p className="mut">{words.ofMomentNone}</p>}
      {open.slice(0, SHOWN).map((head) => {
        const [look, shape] = lookOf(head.severity);
        return (
          <article key={head.id}>
            <b className={look}>
              {shape} {head.severityText}
            </b>{" "}
            <a href={hrefOf("after", "incidents", String(head.id))}>{head.title}</a>{" "}
            <span className="mut num">{clock(head.onset)}</span>
            <Done id={head.id} at={at} />
          </article>
        );
      })}
    </aside>
  );
}

function Done({ id, at }: { id: number; at: number }) {
  const steps = useSteps(id).filter((step) => Date.parse(step.at) <= at);
  return (
    <ol className="timeline s">
      {steps.slice(-4).map((step) => (
        <li key={`${step.at} ${step.text}`}>
          <span className="num mut">{clock(step.at)}</span> {step.text}
        </li>
      ))}
    </ol>
  );
}
