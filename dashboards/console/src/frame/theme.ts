// Light or dark. The wall is dark and the desk light, unless somebody chose one for both.

import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
export type ThemeChoice = Theme | "room";

let choice: ThemeChoice = "room";
let room: Theme = "light";
const listeners = new Set<() => void>();

try {
  const kept = localStorage.getItem("vcops.theme");
  if (kept === "light" || kept === "dark") choice = kept;
} catch {
  // Storage may be off.
}

export const themeNow = (): Theme => (choice === "room" ? room : choice);
export const themeChoice = (): ThemeChoice => choice;

function tell(): void {
  document.documentElement.dataset.theme = themeNow();
  for (const listener of listeners) listener();
}

/** What the room looks like by itself. */
export function setRoomTheme(next: Theme): void {
  if (room === next && document.documentElement.dataset.theme) return;
  room = next;
  tell();
}

/** What somebody chose. */
export function chooseTheme(next: ThemeChoice): void {
  choice = next;
  try {
    localStorage.setItem("vcops.theme", next);
  } catch {
    // Storage may be off.
  }
  tell();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useTheme = (): Theme => useSyncExternalStore(subscribe, themeNow);
export const useThemeChoice = (): ThemeChoice => useSyncExternalStore(subscribe, themeChoice);
