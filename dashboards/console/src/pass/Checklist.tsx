// 县级自检: the checklist of one venue for whoever came with its link. Large buttons, one item after the other, and a
// test of the own lines. Nobody signs in for it, and nothing else is shown.

import { useCallback, useEffect, useState } from "react";
import { ask, Problem } from "../api/client.ts";
import type { Cell, Column, Matrix } from "../rehearsal/matrix.ts";
import { signed, tone } from "../rehearsal/matrix.ts";
import { useLang, useWords } from "../words/index.ts";
import { clock } from "../words/time.ts";
import "./pass.css";

/** How often it is read anew, milliseconds. */
const EVERY = 3000;

interface Shown {
  venue: string;
  name: string;
  matrix: Matrix | null;
}

type Outcome = "in_order" | "faulty" | "not_applicable";

export default function Checklist() {
  const w = useWords();
  const words = w.pass;
  const lang = useLang();
  const [shown, setShown] = useState<Shown | null>(null);
  const [told, setTold] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    ask<Shown>("GET", "/api/v1/checklist").then(setShown, (problem: unknown) =>
      setTold(problem instanceof Problem ? problem.whole : String(problem)),
    );
  }, [lang]);
  useEffect(() => {
    read();
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    return () => window.clearInterval(timer);
  }, [read]);
  const send = (path: string, body: unknown) =>
    ask("POST", path, body).then(
      () => {
        setTold("");
        read();
      },
      (problem: unknown) => setTold(problem instanceof Problem ? problem.whole : String(problem)),
    );
  if (!shown)
    return (
      <main className="checklist" aria-busy={!told}>
        {told && <p className="say urgent">{told}</p>}
      </main>
    );
  const row = shown.matrix?.rows[0];
  const items = (shown.matrix?.columns ?? []).flatMap((column, at) => {
    const cell = row?.cells[at];
    return cell ? [{ column, cell }] : [];
  });
  const byHand = items.filter(({ column }) => column.kind === "room" || column.kind === "confirm");
  const measured = items.filter(({ column }) => column.kind !== "room" && column.kind !== "confirm");
  return (
    <main className="checklist">
      <h1>
        {shown.name} · {words.checklist}
      </h1>
      <p className="mut">{shown.matrix ? shown.matrix.meeting.name : words.noRound}</p>
      {told && (
        <p className="say urgent" role="alert">
          {told}
        </p>
      )}
      {shown.matrix && (
        <button type="button" className="btn go big" onClick={() => void send("/api/v1/checklist/retest", {})}>
          {words.test}
        </button>
      )}
      <ul>
        {measured.map(({ column, cell }) => (
          <li key={cell.check}>
            <b>{cell.link ?? column.title}</b>{" "}
            <span className={cell.verdict ? tone(cell.verdict) : "mut"}>
              {cell.verdict ? signed(cell.verdict, cell.verdict_text) : w.rehearsal.waiting}
            </span>
            {cell.verdict && cell.verdict !== "pass" && <div className="mut">{cell.text}</div>}
          </li>
        ))}
      </ul>
      {byHand.map(({ column, cell }) => (
        <Item key={cell.check} column={column} cell={cell} send={(body) => void send("/api/v1/checklist", body)} />
      ))}
    </main>
  );
}

interface ItemProps {
  column: Column;
  cell: Cell;
  send(body: Record<string, string>): void;
}

/** One item: in order, faulty with a word about it, or not there. */
function Item({ column, cell, send }: ItemProps) {
  const w = useWords();
  const words = w.pass;
  const [note, setNote] = useState("");
  const [, item = ""] = cell.check.split(":");
  const found = (outcome: Outcome) =>
    send({ [column.kind === "confirm" ? "confirm" : "room"]: item, outcome, note: note.trim() });
  const outcomes: [Outcome, string][] = [
    ["in_order", words.inOrder],
    ["faulty", words.faulty],
    ["not_applicable", words.notThere],
  ];
  return (
    <section className="panel" aria-label={column.title}>
      <h2>{column.title}</h2>
      {cell.room && (
        <p className={cell.room.outcome === "faulty" ? "urgent" : "mut"}>
          {cell.room.outcome_text} {clock(cell.room.at).slice(0, 5)} {cell.room.note}
        </p>
      )}
      <div className="actions">
        {outcomes.map(([outcome, text]) => (
          <button
            key={outcome}
            type="button"
            className="btn big"
            aria-label={`${text} ${column.title}`}
            aria-pressed={cell.room?.outcome === outcome}
            onClick={() => found(outcome)}
          >
            {text}
          </button>
        ))}
      </div>
      <label>
        <span>{words.note}</span>
        <input value={note} maxLength={1000} onChange={(event) => setNote(event.target.value)} />
      </label>
    </section>
  );
}
