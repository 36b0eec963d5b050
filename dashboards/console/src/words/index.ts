// The language of the page. Chinese is the source; English has the same keys or it does not compile.

import { useSyncExternalStore } from "react";
import { en } from "./en/index.ts";
import { zh } from "./zh/index.ts";

export type Words = typeof zh;
export type Lang = "zh" | "en";

const dictionaries: Record<Lang, Words> = { zh, en };
let current: Lang = "zh";
const listeners = new Set<() => void>();

try {
  if (localStorage.getItem("vcops.lang") === "en") current = "en";
} catch {
  // Storage may be off.
}

export const lang = (): Lang => current;

/** The words now. */
export const w = (): Words => dictionaries[current];

/** Changes the language and remembers it. */
export function setLang(next: Lang): void {
  current = next;
  try {
    localStorage.setItem("vcops.lang", next);
  } catch {
    // Storage may be off.
  }
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
  document.title = w().frame.title;
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useLang = (): Lang => useSyncExternalStore(subscribe, lang);

/** The words of the page's language; the component is drawn again when it changes. */
export const useWords = (): Words => dictionaries[useLang()];
