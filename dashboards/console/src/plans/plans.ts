// The list of plans, one of them whole, and who the people are whom they name.

import { useEffect, useState } from "react";
import { get, type Schemas } from "../api/client.ts";
import { useLang } from "../words/index.ts";
import type { PlanHead, PlanStep, Text } from "./run.ts";

export type Person = Schemas["PersonShown"];

/** A plan as it is written. */
export interface Plan {
  id: string;
  version: number;
  title: Text;
  scope: Text;
  owner: Text;
  steps: PlanStep[];
  approved?: { by: string; on: string } | null;
  review: string;
}

export interface WholePlan {
  plan: Plan;
  text: string;
}

/** Every plan; `null` until they were read. */
export function usePlans(): PlanHead[] | null {
  const lang = useLang();
  const [plans, setPlans] = useState<PlanHead[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  useEffect(() => {
    let gone = false;
    get("/api/v1/plans").then(
      (page) => !gone && setPlans(page.items),
      () => !gone && setPlans([]),
    );
    return () => {
      gone = true;
    };
  }, [lang]);
  return plans;
}

/** One plan with its text. */
export function usePlan(id: string | null): WholePlan | null {
  const lang = useLang();
  const [whole, setWhole] = useState<WholePlan | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  useEffect(() => {
    if (!id) return;
    let gone = false;
    get("/api/v1/plans/{id}", { path: { id } }).then(
      (answer) => !gone && setWhole(answer as unknown as WholePlan),
      () => null,
    );
    return () => {
      gone = true;
    };
  }, [id, lang]);
  return whole?.plan.id === id ? whole : null;
}

let persons: Promise<Person[]> | null = null;

/** Everybody whose number may be read; asked once. */
export function usePersons(wanted: boolean): Person[] | null {
  const [known, setKnown] = useState<Person[] | null>(null);
  useEffect(() => {
    if (!wanted) return;
    persons ??= get("/api/v1/people").then(
      (page) => page.items,
      () => {
        persons = null;
        return [];
      },
    );
    void persons.then(setKnown);
  }, [wanted]);
  return known;
}
