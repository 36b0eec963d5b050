// The incidents 事件 of the past and of now: a list to find one, and all that is known of it.

import { useState } from "react";
import { useSession } from "../frame/rights.ts";
import { go } from "../frame/route.ts";
import { lookOf } from "../wall/stream.ts";
import { lang, useWords } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { clock, span, stamp } from "../words/time.ts";
import { useIncident, useIncidents } from "./data.ts";
import { Moments } from "./IncidentPane.tsx";
import type { Incident, IncidentHead } from "./model.ts";
import { Review } from "./Review.tsx";

type Filter = "all" | "open" | "review";

const shows: Record<Filter, (head: IncidentHead) => boolean> = {
  all: () => true,
  open: (head) => head.open,
  review: (head) => head.state === "resolved",
};

export function Incidents({ subject }: { subject: string }) {
  const w = useWords();
  const words = w.incident;
  const [heads] = useIncidents("all");
  const [filter, setFilter] = useState<Filter>("all");
  const [typed, setTyped] = useState("");
  const shown = (heads ?? []).filter(
    (head) => shows[filter](head) && meant(`${head.title} ${head.id} ${head.reason}`, typed),
  );
  const chosen = shown.find((head) => String(head.id) === subject) ?? shown[0];
  return (
    <div className="incidents">
      <section className="panel board" aria-busy={heads === null}>
        <div className="filter">
          <h1>{words.incidents}</h1>
          {(["all", "open", "review"] as const).map((one) => (
            <button
              key={one}
              type="button"
              className="btn"
              aria-pressed={filter === one}
              onClick={() => setFilter(one)}
            >
              {words.filters[one]} <span className="num">{(heads ?? []).filter(shows[one]).length}</span>
            </button>
          ))}
          <input
            type="search"
            aria-label={w.frame.search}
            placeholder={w.frame.searchHint}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <a className="btn to-right" href={`/api/v1/incidents.xlsx?lang=${lang()}`}>
            {words.workbook}
          </a>
        </div>
        <div className="scroll">
          <ol className="heads">
            {shown.map((head) => (
              <Head key={head.id} head={head} chosen={head.id === chosen?.id} />
            ))}
          </ol>
          {heads && !shown.length && <p className="quiet">{words.noIncidents}</p>}
        </div>
      </section>
      {chosen && <Detail key={chosen.id} id={chosen.id} />}
    </div>
  );
}

function Head({ head, chosen }: { head: IncidentHead; chosen: boolean }) {
  const [look, shape] = lookOf(head.severity);
  return (
    <li className={chosen ? "sel" : ""}>
      <button
        type="button"
        className="row"
        aria-pressed={chosen}
        onClick={() => go("after", "incidents", String(head.id))}
      >
        <span className="num mut">{head.id}</span>
        <span className="num">{stamp(head.onset)}</span>
        <b className={look}>
          {shape} {head.severityText}
        </b>
        <span className="what">{head.title}</span>
        <span className="tag">{head.stateText}</span>
      </button>
    </li>
  );
}

function Detail({ id }: { id: number }) {
  const w = useWords();
  const words = w.incident;
  const { may } = useSession();
  const [incident, again] = useIncident(id);
  if (!incident) return <section className="panel board" aria-busy="true" />;
  return (
    <section className="panel board whole" aria-label={words.incident(id)}>
      <div className="filter">
        <h2>
          {words.incident(id)} {incident.title}
        </h2>
        <span className="tag">{incident.stateText}</span>
        <a className="btn to-right" href={`/api/v1/incidents/${id}/review.docx?lang=${lang()}`}>
          {words.reportDocx}
        </a>
        <button type="button" className="btn" onClick={() => window.print()}>
          {words.print}
        </button>
      </div>
      <div className="scroll body">
        <p className="conclusion">
          {words.conclusion(incident.title, incident.sureText, lasted(incident, words.stillOpen))}
        </p>
        <p className="mut">{incident.reason}</p>
        <Moments incident={incident} />
        <h3>{words.timeline}</h3>
        <ol className="timeline">
          {incident.entries.map((entry) => (
            <li key={`${entry.at} ${entry.text}`} className={entry.kind}>
              <span className="num">{clock(entry.at)}</span> <span className="tag">{words.byWhom[entry.kind]}</span>{" "}
              {entry.text}
              {entry.detail && <div className="mut s">{entry.detail}</div>}
            </li>
          ))}
        </ol>
        <Review incident={incident} allowed={may("review")} again={again} />
      </div>
    </section>
  );
}

/** How long it lasted: to its end, or to now in words. */
function lasted(incident: Incident, open: string): string {
  const end = incident.moments[incident.moments.length - 1]?.afterS;
  return incident.open || end === null || end === undefined ? open : span(end);
}
