// Who is on duty, who was told of what, and how duty passed on, as the daemon tells it.

import { useCallback, useEffect, useState } from "react";
import { get, post, type Schemas } from "../api/client.ts";
import type { Actor, Text } from "../plans/run.ts";
import { useLang } from "../words/index.ts";

/** How often it is read anew, milliseconds. */
const EVERY = 5000;

/** What is wrong with a shift. */
export interface Flaw {
  flaw: string;
  shift?: string;
  person?: string;
}

export type Shift = Omit<Schemas["ShiftShown"], "flaws"> & { flaws: Flaw[] };

export interface Handover {
  from: string;
  to: string;
  at: string;
  by: Actor;
  note: string;
  open: number[];
  taken: [Actor, string] | null;
}

/** Who was told of an incident. */
export interface Paging {
  incident: number;
  begun: string;
  rung: number;
  next: string | null;
  told: { to: string; at: string; rung: number; why: Text; digest: boolean }[];
  stopped: Text | null;
}

export interface Duty {
  shifts: Shift[];
  handovers: Handover[];
  paging: Paging[];
}

/** The roster; `null` until it was read. */
export function useDuty(): [Duty | null, () => void] {
  const lang = useLang();
  const [duty, setDuty] = useState<Duty | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    get("/api/v1/duty").then(
      (answer) => setDuty(answer as unknown as Duty),
      () => null,
    );
  }, [lang]);
  useEffect(() => {
    read();
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    return () => window.clearInterval(timer);
  }, [read]);
  return [duty, read];
}

/** 交班: duty is offered to the next shift. */
export function handOver(from: string, to: string, note: string): Promise<unknown> {
  return post("/api/v1/duty", { ask: "hand_over", from, to, note } as never);
}

/** 接班: it is taken over. */
export function takeOver(from: string, to: string): Promise<unknown> {
  return post("/api/v1/duty", { ask: "take_over", from, to } as never);
}
