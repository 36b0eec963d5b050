// Which room and page is open, kept behind the `#` of the address so that it can be kept and handed on.

import { useSyncExternalStore } from "react";

export const ROOMS = ["before", "during", "after", "manage"] as const;
export type Room = (typeof ROOMS)[number];

export interface Route {
  room: Room | null;
  page: string;
  /** What the page is about, such as a meeting. */
  subject: string;
}

let text = location.hash;
let route = parse(text);

function parse(hash: string): Route {
  const [room = "", page = "", subject = ""] = hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { room: ROOMS.find((one) => one === room) ?? null, page, subject };
}

const subscribe = (listener: () => void) => {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
};

export function routeNow(): Route {
  if (text !== location.hash) {
    text = location.hash;
    route = parse(text);
  }
  return route;
}

export const useRoute = (): Route => useSyncExternalStore(subscribe, routeNow);

/** The address of a room's page. */
export function hrefOf(room: Room, page = "", subject = ""): string {
  const parts = [room, page, subject].map(encodeURIComponent);
  while (parts.length > 1 && !parts[parts.length - 1]) parts.pop();
  return `#${parts.join("/")}`;
}

export function go(room: Room, page = "", subject = ""): void {
  location.hash = hrefOf(room, page, subject);
}
