// A stream as the wall has it, and how severities look.

import type { Schemas } from "../api/client.ts";

export type Stream = Schemas["StreamShown"];
export type Finding = Schemas["FindingShown"];
export type Figures = Schemas["FiguresShown"];

/** Class and shape of a severity. */
const LOOKS: Record<string, [string, string]> = {
  critical: ["urgent", "◆"],
  severe: ["urgent", "◆"],
  warning: ["major", "▲"],
  information: ["minor", "●"],
};
const ORDER = ["critical", "severe", "warning", "information"];

export const lookOf = (severity: string | null | undefined): [string, string] => LOOKS[severity ?? ""] ?? ["", ""];

/** 0 is worst; what is well comes last. */
export const rankOf = (severity: string | null | undefined): number => {
  const at = ORDER.indexOf(severity ?? "");
  return at < 0 ? ORDER.length : at;
};

export const nameOf = (stream: Stream): string => stream.venue_name ?? stream.name;
