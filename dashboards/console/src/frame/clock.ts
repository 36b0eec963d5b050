// One beat a second for everything that only the clock moves.

import { useSyncExternalStore } from "react";

let now = Date.now();
const listeners = new Set<() => void>();

window.setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, 1000);

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** Milliseconds since 1970, once a second. */
export const useSecond = (): number => useSyncExternalStore(subscribe, () => now);
