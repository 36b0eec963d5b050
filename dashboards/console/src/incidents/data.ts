// Incidents as the daemon gives them, in the console's own words. A daemon whose description has none gives none to
// show, and nothing is made up.

import { useCallback, useEffect, useState } from "react";
import { ask } from "../api/client.ts";
import { useLang, w } from "../words/index.ts";
import type { Entry, Incident, IncidentHead, Moment, Severity } from "./model.ts";

/** How often open incidents are read anew, milliseconds. */
const EVERY = 1000;

interface Times {
  onset: string;
  [moment: string]: string | null;
}

interface HeadGiven {
  id: number;
  state: string;
  state_text: string;
  title: string;
  class: string;
  severity: string;
  severity_text: string;
  confidence_text: string;
  reason: string;
  times: Times;
  venues: string[];
  acked_by: string | null;
}

interface DetailGiven extends HeadGiven {
  members: { finding: unknown; venue: string | null; joined: string; cleared: string | null }[];
  timeline: { at: string; by: string; step: string; text: string }[];
  notes: { at: string; by: unknown; text: string }[];
  review: { at: string; by: unknown; root_cause: string; text: string } | null;
  corrections: {
    n: number;
    text: string;
    owner: string;
    due: string;
    done: { at: string; by: unknown; note: string } | null;
  }[];
}

interface AlarmGiven {
  key: unknown;
  name: string;
  text: string;
  severity: string | null;
  since: string | null;
  shelf: { until: string } | null;
  state: string;
}

const OPEN = ["open", "acked", "mitigating", "mitigated"];
/** In the order in which they come to pass. */
const MOMENTS = ["onset", "detected", "notified", "seen", "acked", "first_action", "mitigated", "resolved"];

/** `user:duty` → `duty`; an actor as the journal has it is a value with an id. */
function who(by: unknown): string {
  if (typeof by === "string") return by.replace(/^(user|local):/, "");
  if (typeof by === "object" && by !== null)
    return String((by as { id?: unknown; actor?: unknown }).id ?? (by as { actor?: unknown }).actor ?? "");
  return "";
}

function headOf(given: HeadGiven): IncidentHead {
  return {
    id: given.id,
    state: given.state,
    stateText: given.state_text,
    severity: given.severity as Severity,
    severityText: given.severity_text,
    title: given.title,
    sureText: given.confidence_text,
    reason: given.reason,
    onset: given.times.onset,
    ackedBy: given.acked_by && who(given.acked_by),
    shelvedUntil: null,
    open: OPEN.includes(given.state),
    venues: given.venues,
  };
}

function momentsOf(times: Times): Moment[] {
  const onset = Date.parse(times.onset);
  return MOMENTS.map((name) => {
    const at = times[name] ?? null;
    return {
      name: w().incident.moments[name] ?? name,
      at,
      afterS: at && name !== "onset" ? (Date.parse(at) - onset) / 1000 : null,
    };
  });
}

function entryOf(given: DetailGiven["timeline"][number]): Entry {
  const person = /^(user|local):/.test(given.by);
  return { at: given.at, kind: person ? "person" : "automatic", text: given.text, detail: person ? who(given.by) : "" };
}

function detailOf(given: DetailGiven, alarms: AlarmGiven[]): Incident {
  const known = new Map(alarms.map((alarm) => [JSON.stringify(alarm.key), alarm]));
  return {
    ...headOf(given),
    shelvedUntil: alarms.find((alarm) => alarm.shelf)?.shelf?.until ?? null,
    classText: w().incident.classes[given.class] ?? given.class,
    faultClass: given.class,
    members: given.members.map((member) => {
      const alarm = known.get(JSON.stringify(member.finding));
      return {
        id: JSON.stringify(member.finding),
        key: member.finding,
        venue: member.venue ?? "",
        text: alarm?.text ?? String((member.finding as { rule?: string }).rule ?? ""),
        severity: (alarm?.severity ?? given.severity) as Severity,
        since: alarm?.since ?? member.joined,
        cleared: member.cleared,
        nextStep: "",
      };
    }),
    moments: momentsOf(given.times),
    entries: given.timeline.map(entryOf),
    review: given.review && {
      at: given.review.at,
      by: who(given.review.by),
      cause: w().incident.classes[given.review.root_cause] ?? given.review.root_cause,
      text: given.review.text,
    },
    corrections: given.corrections.map((one) => ({
      n: one.n,
      text: one.text,
      owner: one.owner,
      due: one.due,
      done: one.done && { at: one.done.at, by: who(one.done.by), note: one.done.note },
    })),
    venueIds: given.venues,
  };
}

let described: Promise<boolean> | null = null;

/** Whether this daemon keeps incidents, by its own description. */
function keepsIncidents(): Promise<boolean> {
  described ??= ask<{ paths?: Record<string, unknown> }>("GET", "/api/v1/openapi.json").then(
    (document) => "/api/v1/incidents" in (document.paths ?? {}),
    () => false,
  );
  return described;
}

/** Incidents, the newest first; `null` until they were read, `undefined` where the daemon has none to give. */
export function useIncidents(which: "open" | "all"): [IncidentHead[] | null | undefined, () => void] {
  const lang = useLang();
  const [heads, setHeads] = useState<IncidentHead[] | null | undefined>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    const path = which === "open" ? "/api/v1/incidents?state=open&limit=200" : "/api/v1/incidents?limit=200";
    void keepsIncidents().then((kept) => {
      if (!kept) return setHeads(undefined);
      ask<{ items: HeadGiven[] }>("GET", path).then(
        (page) => setHeads(page.items.map(headOf)),
        () => null,
      );
    });
  }, [which, lang]);
  useEffect(() => {
    read();
    if (which !== "open") return;
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    return () => window.clearInterval(timer);
  }, [read, which]);
  return [heads, read];
}

/** One incident with all that is known of it. */
export function useIncident(id: number | null): [Incident | null, () => void] {
  const lang = useLang();
  const [incident, setIncident] = useState<Incident | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    if (id === null) return setIncident(null);
    const alarms = ask<{ items: AlarmGiven[] }>("GET", `/api/v1/alarms?incident=${id}`).catch(() => ({ items: [] }));
    Promise.all([ask<DetailGiven>("GET", `/api/v1/incidents/${id}`), alarms]).then(
      ([given, page]) => setIncident(detailOf(given, page.items)),
      () => null,
    );
  }, [id, lang]);
  useEffect(() => {
    read();
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    return () => window.clearInterval(timer);
  }, [read]);
  return [incident?.id === id ? incident : null, read];
}

/** What people do with an incident. */
export function handle(id: number, what: Record<string, unknown>): Promise<unknown> {
  return ask("POST", `/api/v1/incidents/${id}/handling`, what);
}

/** 暂不提醒: all of an incident's alarms, until a time, for a reason. */
export async function shelve(id: number, minutes: number, why: string): Promise<unknown> {
  const page = await ask<{ items: AlarmGiven[] }>("GET", `/api/v1/alarms?incident=${id}`);
  const until = new Date(Date.now() + minutes * 60_000).toISOString();
  const alarms = page.items.map((alarm) => alarm.key);
  return ask("POST", "/api/v1/alarms/handling", { alarms, handling: { ask: "shelve", until, why } });
}

/** 审签. */
export function review(id: number, rootCause: string, text: string): Promise<unknown> {
  return ask("POST", `/api/v1/incidents/${id}/review`, { root_cause: rootCause, text });
}
