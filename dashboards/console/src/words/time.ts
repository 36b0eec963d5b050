// Times as people read them: local, 24 hours, the zone said where it could be mistaken.

import { lang } from "./index.ts";

const two = (n: number) => String(n).padStart(2, "0");

/** `09:02:17`. */
export function clock(iso: string): string {
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `11-22 09:02`. */
export function dayClock(iso: string): string {
  const at = new Date(iso);
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `2026-11-22 09:02:17`. */
export function stamp(iso: string): string {
  return `${new Date(iso).getFullYear()}-${dayClock(iso).slice(0, 5)} ${clock(iso)}`;
}

/** The header's clock: `11月22日 周日 09:02:17`. */
export function today(at: Date): string {
  const zh = lang() === "zh";
  const days = zh
    ? ["周日", "周一", "周二", "周三", "周四", "周五", "周六"]
    : ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const month = at.getMonth() + 1;
  const date = zh ? `${month}月${at.getDate()}日` : `${at.getFullYear()}-${two(month)}-${two(at.getDate())}`;
  return `${date} ${days[at.getDay()]} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The reader's zone: `UTC+8`, with its name for the title. */
export function zone(): { short: string; name: string } {
  const minutes = -new Date().getTimezoneOffset();
  const rest = Math.abs(minutes) % 60;
  const short = `UTC${minutes < 0 ? "−" : "+"}${Math.floor(Math.abs(minutes) / 60)}${rest ? `:${two(rest)}` : ""}`;
  return { short, name: Intl.DateTimeFormat().resolvedOptions().timeZone || short };
}

/** `00:41`, `1:02:03`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const rest = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
}
