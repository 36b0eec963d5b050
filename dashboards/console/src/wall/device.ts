// What a device reports, as far as the console shows it, and how it is said.

import type { Words } from "../words/index.ts";

/** A value, or why there is none. */
export type Given = { value: number } | { absent: string };

export interface Site {
  participant: unknown;
  name: string;
  presence: { presence: string; cause?: string };
  muted: boolean | null;
  streams: { medium: string; way: string; flow: { flow: string }; kbps: Given; loss_pct: Given }[];
}

export interface Conference {
  conference: unknown;
  name: string;
  expected: Site[] | null;
  present: Site[];
}

export interface Report {
  health: { service: string; load_pct: Given; version: string | null } | null;
  capacity: { what: string; total: Given; used: Given }[];
  alarms: { id: string; what: string; detail: string }[];
  conferences: Conference[];
}

/** Class and shape of how far a device can be seen. */
export function lookOfSight(sight: unknown): [string, string] {
  const kind = typeof sight === "object" && sight !== null && "sight" in sight ? String(sight.sight) : String(sight);
  if (kind === "down") return ["urgent", "◆"];
  if (kind === "suspected") return ["major", "▲"];
  return kind === "seen" ? ["ok", ""] : ["mut", "?"];
}

/** A value with its unit, or why there is none. */
export function shown(given: Given, unit: string, w: Words): string {
  if ("value" in given)
    return `${Number.isInteger(given.value) ? given.value : given.value.toFixed(1)}${unit ? ` ${unit}` : ""}`;
  return w.wall.device.absent[given.absent] ?? given.absent;
}

/** What flows one way: rate and loss of pictures, and what does not flow. */
export function flowOf(site: Site, way: string, w: Words): string {
  const words = w.wall.device;
  const own = site.streams.filter((stream) => stream.way === way);
  if (!own.length) return w.frame.none;
  return own
    .map((stream) => {
      const medium = words.media[stream.medium] ?? stream.medium;
      if (stream.flow.flow === "no_media") return `${medium} ${words.noMedia}`;
      if (stream.flow.flow === "paused") return `${medium} ${words.paused}`;
      const rate = "value" in stream.kbps ? ` ${Math.round(stream.kbps.value)}k` : "";
      const loss =
        "value" in stream.loss_pct && stream.loss_pct.value > 0
          ? ` ${w.wall.lossShort} ${stream.loss_pct.value.toFixed(1)} %`
          : "";
      return `${medium}${rate}${loss}`;
    })
    .join(" · ");
}
