// Incidents as the daemon gives them, in the console's own words.

import { useCallback, useEffect, useState } from "react";
import { get, post, type Schemas } from "../api/client.ts";
import { onNews } from "../api/news.ts";
import { useLang, w } from "../words/index.ts";
import type { Entry, Incident, IncidentHead, Moment, Severity } from "./model.ts";

/** How often open incidents are read anew, milliseconds. */
const EVERY = 1000;
/** Incidents read at once. */
const PAGE = 200;

type HeadGiven = Schemas["IncidentShown"];
type AlarmGiven = Schemas["AlarmShown"];

/** Parts that the description leaves open. */
interface Times {
  onset: string;
  [moment: string]: string | null;
}

interface MemberGiven {
  finding: { rule?: string };
  venue: string | null;
  joined: string;
  cleared: string | null;
}

interface CorrectionGiven {
  n: number;
  text: string;
  owner: string;
  due: string;
  done: { at: string; by: unknown; note: string } | null;
}

interface ReviewGiven {
  at: string;
  by: unknown;
  root_cause: string;
  text: string;
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
    onset: (given.times as Times).onset,
    resolvedAt: (given.times as Times).resolved ?? null,
    ackedBy: given.acked_by ? who(given.acked_by) : null,
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

function entryOf(given: Schemas["EntryShown"]): Entry {
  const person = /^(user|local):/.test(given.by);
  return { at: given.at, kind: person ? "person" : "automatic", text: given.text, detail: person ? who(given.by) : "" };
}

function detailOf(given: Schemas["IncidentDetail"], alarms: AlarmGiven[]): Incident {
  const known = new Map(alarms.map((alarm) => [JSON.stringify(alarm.key), alarm]));
  const shelf = alarms.find((alarm) => alarm.shelf)?.shelf as { until: string } | undefined;
  const review = given.review as ReviewGiven | null | undefined;
  return {
    ...headOf(given),
    shelvedUntil: shelf?.until ?? null,
    classText: w().incident.classes[given.class] ?? given.class,
    faultClass: given.class,
    members: (given.members as unknown as MemberGiven[]).map((member) => {
      const alarm = known.get(JSON.stringify(member.finding));
      return {
        id: JSON.stringify(member.finding),
        key: member.finding,
        venue: member.venue ?? "",
        text: alarm?.text ?? member.finding.rule ?? "",
        severity: (alarm?.severity ?? given.severity) as Severity,
        since: alarm?.since ?? member.joined,
        cleared: member.cleared,
        nextStep: "",
      };
    }),
    moments: momentsOf(given.times as Times),
    entries: given.timeline.map(entryOf),
    review: review
      ? {
          at: review.at,
          by: who(review.by),
          cause: w().incident.classes[review.root_cause] ?? review.root_cause,
          text: review.text,
        }
      : null,
    corrections: (given.corrections as unknown as CorrectionGiven[]).map((one) => ({
      n: one.n,
      text: one.text,
      owner: one.owner,
      due: one.due,
      done: one.done && { at: one.done.at, by: who(one.done.by), note: one.done.note },
    })),
    venueIds: given.venues,
  };
}

/** Incidents, the newest first; `null` until they were read. */
export function useIncidents(which: "open" | "all"): [IncidentHead[] | null, () => void] {
  const lang = useLang();
  const [heads, setHeads] = useState<IncidentHead[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    const query = which === "open" ? { state: "open", limit: PAGE } : { limit: PAGE };
    get("/api/v1/incidents", { query }).then(
      (page) => setHeads(page.items.map(headOf)),
      () => null,
    );
  }, [which, lang]);
  useEffect(() => {
    read();
    if (which !== "open") return;
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    const deaf = onNews(read);
    return () => {
      window.clearInterval(timer);
      deaf();
    };
  }, [read, which]);
  return [heads, read];
}

const alarmsOf = (incident: number): Promise<AlarmGiven[]> =>
  get("/api/v1/alarms", { query: { incident } }).then((page) => page.items);

/** One incident with all that is known of it. */
export function useIncident(id: number | null): [Incident | null, () => void] {
  const lang = useLang();
  const [incident, setIncident] = useState<Incident | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    if (id === null) return setIncident(null);
    const alarms = alarmsOf(id).catch(() => []);
    Promise.all([get("/api/v1/incidents/{id}", { path: { id } }), alarms]).then(
      ([given, known]) => setIncident(detailOf(given, known)),
      () => null,
    );
  }, [id, lang]);
  useEffect(() => {
    read();
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    const deaf = onNews(read);
    return () => {
      window.clearInterval(timer);
      deaf();
    };
  }, [read]);
  return [incident?.id === id ? incident : null, read];
}

/** What people do with an incident. */
export function handle(id: number, what: Record<string, unknown>): Promise<unknown> {
  return post("/api/v1/incidents/{id}/handling", what, { path: { id } });
}

/** 暂不提醒: all of an incident's alarms, until a time, for a reason. */
export async function shelve(id: number, minutes: number, why: string): Promise<unknown> {
  const until = new Date(Date.now() + minutes * 60_000).toISOString();
  const alarms = (await alarmsOf(id)).map((alarm) => alarm.key);
  return post("/api/v1/alarms/handling", { alarms, handling: { ask: "shelve", until, why } } as never);
}

/** 整改: something is to be put right, by whom, until when. */
export function correct(id: number, text: string, owner: string, due: string): Promise<unknown> {
  return handle(id, { ask: "correct", text, owner, due });
}

/** It was put right. */
export function corrected(id: number, n: number, note: string): Promise<unknown> {
  return handle(id, { ask: "corrected", n, note });
}

/** 审签. */
export function review(id: number, rootCause: string, text: string): Promise<unknown> {
  return post("/api/v1/incidents/{id}/review", { root_cause: rootCause, text } as never, { path: { id } });
}
