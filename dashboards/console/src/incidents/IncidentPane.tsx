// One incident beside the wall: what it is, why vcops thinks so, whom to call, what can be said about it.

import { type KeyboardEvent, useState } from "react";
import { NextTold } from "../duty/NextTold.tsx";
import { useSecond } from "../frame/clock.ts";
import { Dialog, DialogForm } from "../frame/Dialog.tsx";
import { useSession } from "../frame/rights.ts";
import { PlanPane } from "../plans/PlanPane.tsx";
import { usePeople } from "../rehearsal/follow.ts";
import { Calls } from "../rehearsal/Side.tsx";
import { lookOf } from "../wall/stream.ts";
import { useWords } from "../words/index.ts";
import { clock, span } from "../words/time.ts";
import type { Incident } from "./model.ts";
import { useVenueNames } from "./names.ts";

export type IncidentAct = "ack" | "unack" | "note" | "called" | "mitigated" | "resolve" | "false_alarm" | "shelve";

interface PaneProps {
  incident: Incident;
  /** Does something; `why` is empty where nothing is asked. */
  act(act: IncidentAct, why: string): void;
  allowed: boolean;
  /** Called after something was done with the plan. */
  again(): void;
}

/** What may be said about an incident once somebody takes care. */
const OFFERS: IncidentAct[] = ["note", "mitigated", "resolve", "unack", "false_alarm"];
/** What asks for a word of why. */
const ASKS: IncidentAct[] = ["unack", "note", "mitigated", "resolve", "false_alarm"];

export function IncidentPane({ incident, act, allowed, again }: PaneProps) {
  const now = useSecond();
  const w = useWords();
  const words = w.incident;
  const { may } = useSession();
  const [asking, setAsking] = useState<IncidentAct | null>(null);
  const venue = incident.venueIds[0];
  const nameOf = useVenueNames();
  const people = usePeople(venue, may("people"));
  const [look, shape] = lookOf(incident.severity);
  const press = (one: IncidentAct) => (ASKS.includes(one) ? setAsking(one) : act(one, ""));
  return (
    <section className="panel incident" aria-label={words.incident(incident.id)} onKeyDown={back}>
      <div className="h">
        {words.incident(incident.id)} <span className={`tag ${look}`}>{`${shape} ${incident.severityText}`}</span>
        <span className="sub">{incident.stateText}</span>
        <span className="to-right sub num">
          {span((now - Date.parse(incident.onset)) / 1000)} {words.sinceOnset}
        </span>
      </div>
      <div className="body">
        <p>
          <b>{incident.title}</b>
        </p>
        <p>
          {words.cause}
          {incident.reason} <span className="mut">{incident.sureText}</span>
        </p>
        {may("people") && venue && <Calls people={people} />}
        {allowed && incident.open && (
          <div className="actions">
            {incident.state === "open" && (
              <button type="button" className="btn go" onClick={() => press("ack")}>
                {words.does.ack}
              </button>
            )}
            <button type="button" className="btn small" onClick={() => act("note", words.calledNote)}>
              {words.does.called}
            </button>
          </div>
        )}
        <PlanPane incident={incident.id} open={incident.open} allowed={allowed} again={again} />
        {allowed && incident.open && (
          <div className="actions">
            {OFFERS.filter((one) => one !== "unack" || incident.state !== "open").map((one) => (
              <button key={one} type="button" className="btn small" onClick={() => press(one)}>
                {words.does[one]}
              </button>
            ))}
          </div>
        )}
        {may("rehearsal") && <NextTold incident={incident.id} />}
        <h3>{words.evidence(incident.members.length)}</h3>
        <ol className="members">
          {incident.members.map((member) => (
            <li key={member.id} className={member.cleared ? "mut" : ""}>
              <span className="num">{clock(member.since)}</span> <b>{nameOf(member.venue)}</b> {member.text}{" "}
              <span className="mut num">{member.cleared ? words.cleared(clock(member.cleared)) : ""}</span>
              {member.nextStep && !member.cleared && (
                <div>
                  <b>{w.rehearsal.next}</b>
                  {member.nextStep}
                </div>
              )}
            </li>
          ))}
        </ol>
        <Moments incident={incident} />
      </div>
      {asking && (
        <Dialog title={`${words.does[asking]} · ${words.incident(incident.id)}`} close={() => setAsking(null)}>
          <DialogForm
            close={() => setAsking(null)}
            done={(value) => {
              setAsking(null);
              act(asking, value("why").trim());
            }}
          >
            <label>
              <span>{asking === "note" ? words.note : words.why}</span>
              <textarea name="why" rows={3} required maxLength={500} />
            </label>
          </DialogForm>
        </Dialog>
      )}
    </section>
  );
}

/** Escape leads back to the list of alarms. */
function back(event: KeyboardEvent): void {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  document.querySelector<HTMLElement>(".alarms [role=option][tabindex='0']")?.focus();
}

/** When what happened, each counted from the first bad sample. */
export function Moments({ incident }: { incident: Incident }) {
  const w = useWords();
  return (
    <dl className="moments">
      {incident.moments.map((moment) => (
        <div key={moment.name}>
          <dt>{moment.name}</dt>
          <dd className="num">
            {moment.at
              ? `${clock(moment.at)}${moment.afterS === null ? "" : ` · +${span(moment.afterS)}`}`
              : w.frame.none}
          </dd>
        </div>
      ))}
    </dl>
  );
}
