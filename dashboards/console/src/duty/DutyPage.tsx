// 值班: who is on duty now, the shifts ahead and what is wrong with them, 交接班, and who was told of what.

import { useState } from "react";
import { Dialog, DialogForm } from "../frame/Dialog.tsx";
import { Icon } from "../frame/icons.tsx";
import { useSession } from "../frame/rights.ts";
import { hrefOf } from "../frame/route.ts";
import { Scroll } from "../frame/Scroll.tsx";
import { run } from "../frame/told.ts";
import { useIncidents } from "../incidents/data.ts";
import { type Person, usePersons } from "../plans/plans.ts";
import { said, whoOf } from "../plans/run.ts";
import { useWords, type Words } from "../words/index.ts";
import { clock, dayClock } from "../words/time.ts";
import { type Duty, type Flaw, type Handover, handOver, type Shift, takeOver, useDuty } from "./duty.ts";
import "../plans/plans.css";

export function DutyPage() {
  const w = useWords();
  const words = w.duty;
  const { may } = useSession();
  const [duty, read] = useDuty();
  const persons = usePersons(may("people"));
  if (!duty) return <section className="panel board" aria-busy="true" />;
  const named = namesOf(persons);
  const now = duty.shifts.filter((shift) => shift.now);
  const ahead = duty.shifts.filter((shift) => !shift.now);
  return (
    <div className="duty">
      <section className="panel board">
        <div className="filter">
          <h1>{words.now}</h1>
        </div>
        <Scroll name={words.title}>
          {now.length === 0 && <p className="say major">▲ {words.nobody}</p>}
          {now.map((shift) => (
            <OnDuty key={shift.id} shift={shift} persons={persons} />
          ))}
          <h2>{words.ahead}</h2>
          {ahead.length === 0 && <p className="mut">{words.noneAhead}</p>}
          <table className="rows">
            <tbody>
              {ahead.map((shift) => (
                <tr key={shift.id}>
                  <td className="num">{words.window(dayClock(shift.from), dayClock(shift.until))}</td>
                  <td>{shift.operators.map(named).join(w.frame.and)}</td>
                  <td>{shift.leader ? words.leaderIs(named(shift.leader)) : ""}</td>
                  <td>
                    <Flaws flaws={shift.flaws} named={named} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <Passing duty={duty} named={named} again={read} />
      <Told duty={duty} named={named} />
    </div>
  );
}

/** A person's name; the id where it may not be read. */
export const namesOf =
  (persons: Person[] | null) =>
  (id: string): string =>
    persons?.find((one) => one.id === id)?.name ?? id;

/** Who is on duty, each with their numbers. */
export function OnDuty({ shift, persons }: { shift: Shift; persons: Person[] | null }) {
  const w = useWords();
  const words = w.duty;
  const named = namesOf(persons);
  const posts: [string, string][] = shift.operators.map((id, at) => [words.operators[at] ?? words.more, id]);
  if (shift.leader) posts.push([words.leader, shift.leader]);
  return (
    <section className="on-duty" aria-label={words.now}>
      <div className="mut num">{words.window(dayClock(shift.from), dayClock(shift.until))}</div>
      {posts.map(([post, id]) => (
        <div className="call" key={`${post} ${id}`}>
          <Icon name="phone" /> <span className="mut">{post}</span> <b>{named(id)}</b>{" "}
          {persons
            ?.find((one) => one.id === id)
            ?.numbers.map((one) => (
              <span className="num" key={one.number}>
                {one.number}{" "}
              </span>
            ))}
        </div>
      ))}
      <Flaws flaws={shift.flaws} named={named} />
    </section>
  );
}

function Flaws({ flaws, named }: { flaws: Flaw[]; named(id: string): string }) {
  const w = useWords();
  if (!flaws.length) return null;
  return <div className="major">▲ {flaws.map((one) => flawText(one, named, w)).join(w.frame.and)}</div>;
}

function flawText(one: Flaw, named: (id: string) => string, w: Words): string {
  const text = w.duty.flaws[one.flaw] ?? one.flaw;
  const about = one.shift ?? (one.person ? named(one.person) : "");
  return about ? `${text} ${about}` : text;
}

interface PassingProps {
  duty: Duty;
  named(id: string): string;
  again(): void;
}

/** 交接班: offered with what is open, taken over by somebody of the next shift. */
function Passing({ duty, named, again }: PassingProps) {
  const w = useWords();
  const words = w.duty;
  const { may } = useSession();
  const [offering, setOffering] = useState(false);
  const from = duty.shifts.find((shift) => shift.now);
  const to = duty.shifts.find((shift) => !shift.now && shift.region === from?.region);
  const offered = duty.handovers.filter((one) => !one.taken);
  const shiftOf = (id: string) => duty.shifts.find((shift) => shift.id === id);
  return (
    <section className="panel board">
      <div className="filter">
        <h2>{words.handover}</h2>
        {may("handle") && from && to && (
          <button type="button" className="btn" onClick={() => setOffering(true)}>
            {words.handOver}…
          </button>
        )}
      </div>
      <Scroll name={words.handover}>
        {!duty.handovers.length && <p className="mut">{words.noHandovers}</p>}
        {offered.map((one) => (
          <div key={`${one.from} ${one.at}`} className="say minor">
            <Card handover={one} named={named} to={shiftOf(one.to)} />
            {may("handle") && (
              <div className="actions">
                <button
                  type="button"
                  className="btn go"
                  onClick={() => void run(takeOver(one.from, one.to)).then(again)}
                >
                  {words.takeOver}
                </button>
              </div>
            )}
          </div>
        ))}
        {[...duty.handovers]
          .reverse()
          .filter((one) => one.taken)
          .map((one) => (
            <Card key={`${one.from} ${one.at}`} handover={one} named={named} to={shiftOf(one.to)} />
          ))}
      </Scroll>
      {offering && from && to && (
        <Offer from={from} to={to} named={named} close={() => setOffering(false)} again={again} />
      )}
    </section>
  );
}

/** One handover: when, by whom, what is open, what must be known, and who took over. */
function Card({ handover, named, to }: { handover: Handover; named(id: string): string; to: Shift | undefined }) {
  const w = useWords();
  const words = w.duty;
  return (
    <article className="handover">
      <b className="num">{dayClock(handover.at)}</b> {words.offeredBy(whoOf(handover.by))}{" "}
      {to && <span className="mut">{words.offeredTo(to.operators.map(named).join(w.frame.and))}</span>}
      <div>
        {handover.open.length ? (
          <>
            {words.leftOpen}
            {handover.open.map((id) => (
              <a key={id} href={hrefOf("after", "incidents", String(id))}>
                {w.incident.incident(id)}{" "}
              </a>
            ))}
          </>
        ) : (
          <span className="mut">{words.nothingOpen}</span>
        )}
      </div>
      {handover.note && <p>{handover.note}</p>}
      <div className={handover.taken ? "mut" : "major"}>
        {handover.taken ? words.takenBy(whoOf(handover.taken[0]), dayClock(handover.taken[1])) : `▲ ${words.notTaken}`}
      </div>
    </article>
  );
}

interface OfferProps {
  from: Shift;
  to: Shift;
  named(id: string): string;
  close(): void;
  again(): void;
}

function Offer({ from, to, named, close, again }: OfferProps) {
  const w = useWords();
  const words = w.duty;
  const [heads] = useIncidents("open");
  const open = heads ?? [];
  return (
    <Dialog title={words.handOver} close={close}>
      <DialogForm
        close={close}
        verb={words.handOver}
        done={(value) => {
          close();
          void run(handOver(from.id, to.id, value("note").trim())).then(again);
        }}
      >
        <p>{words.offeredTo(to.operators.map(named).join(w.frame.and))}</p>
        <p>{open.length ? words.leftOpen : words.nothingOpen}</p>
        <ul>
          {open.map((head) => (
            <li key={head.id}>
              {w.incident.incident(head.id)} {head.title} <span className="tag">{head.stateText}</span>
            </li>
          ))}
        </ul>
        <label>
          <span>{words.note}</span>
          <textarea name="note" rows={3} maxLength={2000} required={open.length > 0} />
        </label>
      </DialogForm>
    </Dialog>
  );
}

/** Who was told of which incident, on which rung, and who is next. */
function Told({ duty, named }: { duty: Duty; named(id: string): string }) {
  const w = useWords();
  const words = w.duty;
  const paging = [...duty.paging].reverse();
  return (
    <section className="panel board">
      <div className="filter">
        <h2>{words.told}</h2>
        <span className="mut s">{words.toldText}</span>
      </div>
      <Scroll name={words.told}>
        {!paging.length && <p className="mut">{words.nobodyTold}</p>}
        {paging.map((one) => (
          <article key={one.incident} className="handover">
            <a href={hrefOf("after", "incidents", String(one.incident))}>
              <b>{w.incident.incident(one.incident)}</b>
            </a>{" "}
            {one.next ? (
              <span className="major num">▲ {words.nextAt(clock(one.next))}</span>
            ) : (
              <span className="mut">{one.stopped ? said(one.stopped) : words.noNext}</span>
            )}
            <ol>
              {one.told.map((told) => (
                <li key={`${told.to} ${told.at} ${told.rung}`}>
                  <span className="num">{clock(told.at)}</span> <b>{named(told.to)}</b>{" "}
                  <span className="mut">
                    {words.rung(told.rung + 1)} · {said(told.why)} {told.digest && words.digest}
                  </span>
                </li>
              ))}
            </ol>
          </article>
        ))}
      </Scroll>
    </section>
  );
}
