// The roll call 点名: the venues in their order, whom to call, what they answered.

import { type KeyboardEvent, useEffect, useState } from "react";
import { get, post } from "../api/client.ts";
import { Icon } from "../frame/icons.tsx";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { type Meeting, usePeople } from "./follow.ts";

interface Seat {
  id: string;
  name: string;
  main: boolean;
}

interface InventoryPart {
  venues: Record<string, { name: string }>;
  meetings: Record<string, { main_venue: string; venues: string[] }>;
}

/** The meeting's venues in their order. */
function useSeats(meeting: Meeting): Seat[] {
  const [seats, setSeats] = useState<Seat[]>([]);
  useEffect(() => {
    let gone = false;
    get("/api/v1/inventory").then(
      (answer) => {
        const inventory = answer as unknown as InventoryPart;
        const found = inventory.meetings[meeting.id];
        if (gone || !found) return;
        const order = [found.main_venue, ...found.venues.filter((venue) => venue !== found.main_venue)];
        const seen = order.filter((id) => inventory.venues[id]);
        setSeats(seen.map((id) => ({ id, name: inventory.venues[id]?.name ?? id, main: id === found.main_venue })));
      },
      () => null,
    );
    return () => {
      gone = true;
    };
  }, [meeting.id]);
  return seats;
}

const ANSWERS = ["all_in_order", "with_problem", "no_answer"] as const;
const SHAPES: Record<string, string> = { all_in_order: "✓", with_problem: "▲", no_answer: "●" };
const TONES: Record<string, string> = { all_in_order: "ok", with_problem: "major", no_answer: "minor" };

export function RollCall({ meeting, again }: { meeting: Meeting; again(): void }) {
  const w = useWords();
  const { may } = useSession();
  const seats = useSeats(meeting);
  const answers = new Map(meeting.roll_calls.map((call) => [call.venue, call]));
  const next = seats.find((seat) => !answers.has(seat.id));
  const silent = seats.filter((seat) => answers.get(seat.id)?.answer === "no_answer");
  const answer = async (venue: string, said: string) => {
    await run(post("/api/v1/meetings/{id}/rollcall", { venue, answer: said }, { path: { id: meeting.id } }));
    again();
  };
  return (
    <section className="panel board wide">
      <div className="filter">
        <b className="num">{w.rehearsal.called(answers.size, seats.length)}</b>
        {silent.length > 0 && (
          <span className="minor">● {w.rehearsal.unanswered(silent.map((seat) => seat.name).join(w.frame.and))}</span>
        )}
        <span className="mut">{w.rehearsal.rollCallText}</span>
      </div>
      <div className="scroll">
        <ol className="seats" onKeyDown={between}>
          {seats.map((seat) => (
            <SeatRow
              key={seat.id}
              seat={seat}
              next={seat.id === next?.id}
              call={answers.get(seat.id)}
              allowed={may("rollCall")}
              answer={(said) => void answer(seat.id, said)}
            />
          ))}
        </ol>
      </div>
    </section>
  );
}

/** Up and down move between venues at the same answer. */
function between(event: KeyboardEvent<HTMLElement>): void {
  const button = event.target instanceof HTMLElement ? event.target.closest("button") : null;
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (!button || !step) return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll("button")];
  all[all.indexOf(button) + step * ANSWERS.length]?.focus();
}

interface SeatProps {
  seat: Seat;
  next: boolean;
  call: Meeting["roll_calls"][number] | undefined;
  allowed: boolean;
  answer(said: string): void;
}

function SeatRow({ seat, next, call, allowed, answer }: SeatProps) {
  const w = useWords();
  const { may } = useSession();
  const people = usePeople(seat.id, may("people"));
  const first = people?.[0];
  return (
    <li className={next ? "next" : ""} aria-current={next ? "step" : undefined}>
      <b className="name">{seat.name}</b>
      <span className="what">
        {seat.main && <span className="tag">{w.rehearsal.main}</span>}
        {next && <span className="tag air">{w.rehearsal.callNext}</span>}
      </span>
      <span className="actions">
        {allowed &&
          ANSWERS.map((one) => (
            <button
              key={one}
              type="button"
              className="btn"
              aria-pressed={call?.answer === one}
              aria-label={`${seat.name} ${w.rehearsal.answers[one]}`}
              onClick={() => answer(one)}
            >
              {w.rehearsal.answers[one]}
            </button>
          ))}
      </span>
      <span className={`said ${TONES[call?.answer ?? ""] ?? "mut"}`}>
        {call ? `${SHAPES[call.answer] ?? ""} ${call.answer_text}` : w.rehearsal.notCalled}
      </span>
      <span className="mut num">{call && w.rehearsal.answeredBy(call.by.replace(/^user:/, ""), clock(call.at))}</span>
      <span className="mut num phone">
        {first && (
          <>
            <Icon name="phone" /> {first.name} {first.numbers.map((one) => one.number).join(" · ")}
          </>
        )}
      </span>
    </li>
  );
}
