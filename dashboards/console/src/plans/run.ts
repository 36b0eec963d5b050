// A plan 预案 that an incident runs, as the daemon tells it, and what people do with its steps.

import { useCallback, useEffect, useState } from "react";
import { get, Problem, post, type Schemas } from "../api/client.ts";
import { onNews } from "../api/news.ts";
import { lang, useLang } from "../words/index.ts";

/** How often it is read anew, milliseconds. */
const EVERY = 1000;

export type PlanHead = Schemas["PlanShown"];

export interface Text {
  zh: string;
  en: string;
}

/** The kinds of steps as plans write them. */
export type StepKind =
  | { kind: "manual" }
  | { kind: "evidence"; what: Text; photo: boolean }
  | {
      kind: "automatic";
      remedy: string;
      confirm: "nobody" | "one" | "two";
      dry_run: Text;
      verify: string;
      undo: string | null;
      attempts: number;
    }
  | { kind: "decision"; question: Text; branches: { answer: Text }[] }
  | { kind: "wait"; until: string }
  | { kind: "telephone"; say: Text }
  | { kind: "notify"; to: string; text: Text; urgency: string };

/** A step as plans write it. */
export interface PlanStep {
  id: string;
  title: Text;
  how?: Text | null;
  kind: StepKind;
  /** `after` counts microseconds. */
  deadline?: { after: number; then: string } | null;
}

/** How a step was left. */
export interface Left {
  since: string;
  at: string;
  by: Actor;
  outcome:
    | { outcome: "done"; note: string; photo: string | null; answer: number | null }
    | { outcome: "failed"; why: Text }
    | { outcome: "skipped"; why: string }
    | { outcome: "left_out"; why: string }
    | { outcome: "timed_out" }
    | { outcome: "restored" };
  agreed: Actor[];
  orders: string[];
  undo: Actor[];
  undone: string | null;
}

/** Who did something, as the journal has it. */
export interface Actor {
  actor: string;
  id?: string;
  name?: string;
}

export interface Step {
  id: string;
  title: string;
  how: string | null;
  post: string;
  rung: string | null;
  kind: string;
  step: PlanStep;
  left: Left | null;
}

export interface Call {
  person: string | null;
  office: string | null;
  number: string | null;
}

/** The step that a run stands at. */
export interface StepNow {
  id: string;
  since: string;
  due: string | null;
  overdue: boolean;
  agreed: string[];
  agree: number;
  running: boolean;
  held: string | null;
  call: Call[];
}

export interface Run {
  incident: number;
  no: number;
  plan: string;
  version: number;
  title: string;
  why: string;
  begun: string;
  at: StepNow | null;
  steps: Step[];
  ended: string | null;
  reports: { kind: string; text: string }[];
}

/** What somebody does with a step. */
export type Does =
  | { does: "done"; note: string }
  | { does: "failed"; note: string }
  | { does: "skip"; why: string }
  | { does: "answer"; answer: number }
  | { does: "agree" }
  | { does: "undo"; why: string };

export type Ask =
  | { ask: "step"; step: string; does: Does }
  | { ask: "choose"; plan: string; why: string }
  | { ask: "stop"; why: string };

/** A text in the page's language. */
export const said = (text: Text | null | undefined): string => (text ? text[lang()] : "");

/** `user:duty` → `duty`; the journal's own form has an id or a name. */
export function whoOf(by: Actor | string): string {
  if (typeof by === "string") return by.replace(/^(user|local|agent):/, "");
  return by.id ?? by.name ?? by.actor;
}

/** The run of an incident; `null` while it is not known or there is none. */
export function useRun(incident: number | null): [Run | null, () => void] {
  const language = useLang();
  const [run, setRun] = useState<Run | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    if (incident === null) return setRun(null);
    get("/api/v1/incidents/{id}/plan", { path: { id: incident } }).then(
      (answer) => setRun(answer as unknown as Run),
      // While the line is broken the last that was read stays; the frame says how old it is.
      (problem: unknown) => problem instanceof Problem && problem.status === 404 && setRun(null),
    );
  }, [incident, language]);
  useEffect(() => {
    read();
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    const deaf = onNews(read);
    return () => {
      window.clearInterval(timer);
      deaf();
    };
  }, [read]);
  return [run?.incident === incident ? run : null, read];
}

/** Asks something of the plan of an incident. */
export function askPlan(incident: number, what: Ask): Promise<unknown> {
  return post("/api/v1/incidents/{id}/plan", what as never, { path: { id: incident } });
}
