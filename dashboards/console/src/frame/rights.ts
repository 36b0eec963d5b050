// What the page offers to whom. The daemon decides; this only keeps away what would be refused anyway.

import { createContext, useContext } from "react";
import type { Room } from "./route.ts";
import type { Session } from "./Sign.tsx";

const HOLDERS = {
  rehearsal: ["technician", "county_technician", "operator", "manager"],
  run: ["technician"],
  work: ["technician", "county_technician"],
  waive: ["technician"],
  sign: ["technician", "manager"],
  rollCall: ["technician", "operator"],
  act: ["technician", "operator"],
  handle: ["technician", "operator"],
  review: ["manager"],
  view: ["technician", "county_technician", "operator"],
  people: ["technician", "county_technician", "operator", "manager"],
  inventory: ["technician", "county_technician", "operator", "manager", "system_admin", "auditor"],
  change: ["system_admin"],
  users: ["security_admin"],
  journal: ["auditor"],
  metrics: ["system_admin", "auditor"],
} as const;

export type Right = keyof typeof HOLDERS;
export type May = (right: Right) => boolean;

/** What this session may. */
export function mayOf(session: Session): May {
  if (opensOf(session)?.opens === "wallboard") return (right) => right === "rehearsal";
  const held = session.grants.map((grant) => grant.role);
  return (right) => (HOLDERS[right] as readonly string[]).some((role) => held.includes(role));
}

/** What a pass opens, where one was used instead of an account. */
export interface Opens {
  opens: "wallboard" | "checklist";
}

/** Parts of a session that an older daemon does not have. */
interface Standing {
  must_change_password?: boolean;
  opens?: Opens | null;
}

export const opensOf = (session: Session): Opens | null => (session as Standing).opens ?? null;
export const mustRenew = (session: Session): boolean => (session as Standing).must_change_password === true;

/** Where this person's day begins. */
export function home(session: Session): { room: Room; page: string } {
  const held = session.grants.map((grant) => grant.role);
  const has = (role: string) => held.includes(role);
  if (has("technician") || has("county_technician")) return { room: "before", page: "" };
  if (has("operator")) return { room: "during", page: "" };
  if (has("manager")) return { room: "after", page: "" };
  if (has("security_admin")) return { room: "manage", page: "users" };
  if (has("auditor")) return { room: "manage", page: "journal" };
  return { room: "manage", page: "" };
}

export const SessionContext = createContext<{ session: Session; may: May } | null>(null);

/** Who is signed in, and what they may. */
export function useSession(): { session: Session; may: May } {
  const found = useContext(SessionContext);
  if (!found) throw new Error("a room is shown only to those who are signed in");
  return found;
}
