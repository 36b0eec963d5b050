// What the console shows of an incident 事件, whatever the daemon calls its parts.

export type Severity = "critical" | "severe" | "warning" | "information";

/** One line of the list. */
export interface IncidentHead {
  id: number;
  state: string;
  stateText: string;
  severity: Severity;
  severityText: string;
  /** What is wrong, where. */
  title: string;
  /** How sure vcops is of what it makes of it. */
  sureText: string;
  /** Why it thinks so. */
  reason: string;
  /** First bad sample. */
  onset: string;
  /** When it was over, if it is. */
  resolvedAt: string | null;
  /** Somebody takes care. */
  ackedBy: string | null;
  /** 暂不提醒 until then. */
  shelvedUntil: string | null;
  /** Whether something is still to be done. */
  open: boolean;
  venues: string[];
}

/** A key figure: when something happened, counted from a named zero. */
export interface Moment {
  name: string;
  at: string | null;
  /** Seconds since the first bad sample. */
  afterS: number | null;
}

export interface Entry {
  at: string;
  /** `person`, `automatic` or `notice`. */
  kind: "person" | "automatic" | "notice";
  text: string;
  detail: string;
}

/** A finding that belongs to an incident. */
export interface MemberShown {
  id: string;
  /** As commands name it. */
  key: unknown;
  venue: string;
  text: string;
  severity: Severity;
  since: string;
  cleared: string | null;
  nextStep: string;
}

/** 整改: something to be put right. */
export interface CorrectionShown {
  n: number;
  text: string;
  owner: string;
  due: string;
  done: { at: string; by: string; note: string } | null;
}

export interface Incident extends IncidentHead {
  classText: string;
  faultClass: string;
  members: MemberShown[];
  moments: Moment[];
  entries: Entry[];
  review: { at: string; by: string; cause: string; text: string } | null;
  corrections: CorrectionShown[];
  /** Venues whose people are called. */
  venueIds: string[];
}
