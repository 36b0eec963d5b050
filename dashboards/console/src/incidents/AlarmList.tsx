// The alarm list: one dense line each, worked by the keyboard alone. A disruptive action is never on a bare key.

import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useSecond } from "../frame/clock.ts";
import { lookOf } from "../wall/stream.ts";
import { useWords } from "../words/index.ts";
import { clock, span } from "../words/time.ts";
import type { IncidentHead } from "./model.ts";

export type AlarmAct = "ack" | "unack" | "shelve" | "note";

/** From the list to what is to be done next: the plan's step, else the incident's own actions. */
function enter(): void {
  const next = document.querySelector<HTMLElement>(".steps .now .actions button:not(:disabled)");
  (next ?? document.querySelector<HTMLElement>(".incident .actions button"))?.focus();
}

interface AlarmListProps {
  heads: IncidentHead[];
  chosen: number | null;
  choose(id: number): void;
  /** Does it with all that are marked, or with the one that is chosen. */
  act(act: AlarmAct, ids: number[]): void;
  /** Whether this person may do anything but look. */
  allowed: boolean;
}

const KEYS: Record<string, AlarmAct> = { a: "ack", u: "unack", s: "shelve", n: "note" };

export function AlarmList({ heads, chosen, choose, act, allowed }: AlarmListProps) {
  const now = useSecond();
  const w = useWords();
  const words = w.incident;
  const [marked, setMarked] = useState<ReadonlySet<number>>(new Set());
  const list = useRef<HTMLOListElement>(null);
  const wanted = useRef(false);
  const at = Math.max(
    0,
    heads.findIndex((head) => head.id === chosen),
  );
  useEffect(() => {
    if (!wanted.current) return;
    wanted.current = false;
    list.current?.querySelectorAll<HTMLElement>("[role=option]")[at]?.focus();
  });
  const meant = () =>
    marked.size ? heads.filter((head) => marked.has(head.id)).map((head) => head.id) : heads[at] ? [heads[at].id] : [];
  const mark = (id: number) => {
    const next = new Set(marked);
    if (!next.delete(id)) next.add(id);
    setMarked(next);
  };
  const go = (to: number) => {
    const head = heads[Math.max(0, Math.min(heads.length - 1, to))];
    if (!head) return;
    wanted.current = true;
    choose(head.id);
  };
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const head = heads[at];
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: heads.length - 1 };
    const to = moves[event.key];
    const does = KEYS[event.key.toLowerCase()];
    if (to !== undefined) go(to);
    else if (event.key === " " && head) mark(head.id);
    else if (event.key === "Escape") setMarked(new Set());
    else if (event.key === "Enter") enter();
    else if (does && allowed && heads.length) {
      act(does, meant());
      setMarked(new Set());
    } else return;
    event.preventDefault();
  };
  const unacked = heads.filter((head) => head.state === "open").length;
  return (
    <section className="panel alarms" aria-label={words.alarms}>
      <div className="h">
        {words.alarms}
        <span className="sub num">
          {words.unacked(unacked)} · {words.acked(heads.length - unacked)}
          {marked.size > 0 && ` · ${words.marked(marked.size)}`}
        </span>
        {allowed && (
          <span className="to-right sub keys">
            <span className="kbd">↑↓</span> {words.keys.move} <span className="kbd">{words.keys.space}</span>{" "}
            {words.keys.mark} <span className="kbd">A</span> {words.acts.ack} <span className="kbd">Enter</span>{" "}
            {words.keys.plan}
          </span>
        )}
      </div>
      {heads.length === 0 && <p className="quiet">{words.noAlarms}</p>}
      <ol ref={list} role="listbox" aria-label={words.alarms} aria-multiselectable="true" onKeyDown={key}>
        {heads.map((head, index) => (
          <Line
            key={head.id}
            head={head}
            now={now}
            here={index === at}
            chosen={head.id === chosen}
            marked={marked.has(head.id)}
            choose={() => choose(head.id)}
          />
        ))}
      </ol>
    </section>
  );
}

interface LineProps {
  head: IncidentHead;
  now: number;
  here: boolean;
  chosen: boolean;
  marked: boolean;
  choose(): void;
}

function Line({ head, now, here, chosen, marked, choose }: LineProps) {
  const w = useWords();
  const [look, shape] = lookOf(head.severity);
  const fresh = head.state === "open" && look === "urgent";
  const css = ["alarm", look, chosen ? "sel" : "", marked ? "marked" : "", fresh ? "fresh" : ""]
    .filter(Boolean)
    .join(" ");
  const state = head.shelvedUntil
    ? w.incident.shelved(clock(head.shelvedUntil).slice(0, 5))
    : (head.ackedBy ?? head.stateText);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list moves by its keys as a whole
    <li role="option" className={css} aria-selected={chosen} tabIndex={here ? 0 : -1} onClick={choose} onFocus={choose}>
      <b className={look}>
        {shape} {head.severityText}
      </b>
      <span className="num">{clock(head.onset)}</span>
      <span className="what">{head.title}</span>
      <span className="num mut">{span((now - Date.parse(head.onset)) / 1000)}</span>
      <span className="state mut">{state}</span>
    </li>
  );
}
