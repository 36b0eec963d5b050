// What the frame tells: a command that failed, and whether the journal takes writes.

import { useSyncExternalStore } from "react";
import { Problem } from "../api/client.ts";
import { w } from "../words/index.ts";

interface Told {
  failed: string;
  unrecorded: boolean;
}

let told: Told = { failed: "", unrecorded: false };
const listeners = new Set<() => void>();

function set(next: Partial<Told>): void {
  told = { ...told, ...next };
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useTold = (): Told => useSyncExternalStore(subscribe, () => told);

export function tellFailure(text: string): void {
  if (told.failed !== text) set({ failed: text });
}

/** Whether the journal takes no writes at the moment. */
export function tellUnrecorded(on: boolean): void {
  if (told.unrecorded !== on) set({ unrecorded: on });
}

/** Says something to those who cannot see it. */
export function announce(text: string): void {
  const node = document.getElementById("announce");
  if (node) node.textContent = text;
}

/** Carries a command out; what failed is told where it can be seen. */
export async function run(command: Promise<unknown>): Promise<boolean> {
  try {
    await command;
    tellFailure("");
    return true;
  } catch (problem) {
    if (problem instanceof Problem && problem.signedOut) return false;
    const text = problem instanceof Problem ? problem.whole : String(problem);
    tellFailure(`${w().frame.failed}${w().frame.colon}${text}`);
    return false;
  }
}
