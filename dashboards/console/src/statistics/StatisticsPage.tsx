// 统计: how well rehearsals and meetings went in a month or a quarter. Each figure stands with what it is counted from;
// what is not known says so and is not zero.

import { useState } from "react";
import { lang, useWords, type Words } from "../words/index.ts";
import { dayClock, span } from "../words/time.ts";
import { type Period, periodOf, type Statistics, useStatistics } from "./statistics.ts";
import "./statistics.css";

/** How far back one may look at once. */
const BACK_MAX = 24;

export function StatisticsPage() {
  const w = useWords();
  const words = w.statistics;
  const [kind, setKind] = useState<Period["kind"]>("month");
  const [back, setBack] = useState(0);
  const period = periodOf(kind, back, new Date());
  const { statistics, told, busy } = useStatistics(period);
  const choose = (one: Period["kind"]) => {
    setKind(one);
    setBack(0);
  };
  return (
    <section className="panel board statistics" aria-label={words.title}>
      <div className="filter">
        <h1>{words.title}</h1>
        {(["month", "quarter"] as const).map((one) => (
          <button key={one} type="button" className="btn" aria-pressed={kind === one} onClick={() => choose(one)}>
            {words.kinds[one]}
          </button>
        ))}
        <button
          type="button"
          className="btn"
          aria-label={words.earlier}
          disabled={back >= BACK_MAX}
          onClick={() => setBack(back + 1)}
        >
          ‹
        </button>
        <b className="num">{words.period(period.from, period.to)}</b>
        <button
          type="button"
          className="btn"
          aria-label={words.later}
          disabled={back === 0}
          onClick={() => setBack(back - 1)}
        >
          ›
        </button>
        <span className="to-right actions">
          <a className="btn" href={`/api/v1/statistics.xlsx?from=${period.from}&to=${period.to}&lang=${lang()}`}>
            {words.workbook}
          </a>
          <button type="button" className="btn" onClick={() => window.print()}>
            {w.incident.print}
          </button>
        </span>
      </div>
      <div className="scroll body" aria-busy={!statistics && !told}>
        {busy && <p className="quiet">{words.busy}</p>}
        {told && <p className="say urgent">{told}</p>}
        {statistics && <Whole of={statistics} />}
      </div>
    </section>
  );
}

function Whole({ of }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  return (
    <>
      <p className="mut">
        {of.known_since && Date.parse(of.known_since) > Date.parse(of.from)
          ? `${words.knownSince(dayClock(of.known_since))} `
          : ""}
        {of.not_watching_s > 0 && words.notWatching(span(of.not_watching_s))}
      </p>
      <div className="cards">
        <FirstPass of={of} />
        <Incidents of={of} />
        <Saved of={of} />
      </div>
      <Measures of={of} />
      <Venues of={of} />
      <div className="pair">
        <Available of={of} />
        <Burdens of={of} />
      </div>
    </>
  );
}

/** A share with what it is of; a dash where nothing is known. */
function share(pct: number | null | undefined, w: Words): string {
  return pct === null || pct === undefined ? w.frame.none : `${pct.toFixed(1)} %`;
}

function FirstPass({ of: { first_pass: first } }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  return (
    <article className="card">
      <h2>{words.firstPass}</h2>
      <p className="figure num">{share(first.pct, w)}</p>
      <p className="num">{words.firstPassOf(first.passed, first.of, first.rounds)}</p>
      {first.unfinished > 0 && <p className="broke num">? {words.unfinished(first.unfinished)}</p>}
      <table className="rows">
        <tbody>
          {first.kinds.map((one) => (
            <tr key={one.kind}>
              <td>{one.text}</td>
              <td className="num">{share(one.pct, w)}</td>
              <td className="num mut">
                {one.passed} / {one.of}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </article>
  );
}

function Incidents({ of: { incidents, classes } }: { of: Statistics }) {
  const words = useWords().statistics;
  const most = Math.max(1, ...classes.map((one) => one.n));
  return (
    <article className="card">
      <h2>{words.incidents}</h2>
      <p className="figure num">{incidents.counted}</p>
      <p className="num">
        {words.incidentsOf(incidents.open, incidents.false_alarms, incidents.merged, incidents.drills)}
      </p>
      <table className="rows">
        <tbody>
          {classes.map((one) => (
            <tr key={one.class}>
              <td>{one.text}</td>
              <td>
                <progress max={most} value={one.n} aria-label={one.text} />
              </td>
              <td className="num">{words.times(one.n)}</td>
              <td className="num mut">{words.minutes(one.minutes.toFixed(1))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </article>
  );
}

function Saved({ of: { saved } }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  return (
    <article className="card">
      <h2>{words.saved}</h2>
      {saved ? (
        <>
          <p className="figure num">
            {typeof saved.hours === "number" ? words.hours(saved.hours.toFixed(1)) : w.frame.none}
          </p>
          <p className="num">{words.savedOf(saved.venues_tested, saved.round_minutes.toFixed(0))}</p>
          {typeof saved.minutes_by_hand_per_venue === "number" && (
            <p className="mut num">{words.byHand(saved.minutes_by_hand_per_venue)}</p>
          )}
          {typeof saved.travel_km === "number" && (
            <p className="num">{words.travel(saved.travel_km, saved.travel_km_per_venue ?? 0)}</p>
          )}
        </>
      ) : (
        <p className="mut">{words.savedNot}</p>
      )}
    </article>
  );
}

/** MTTD and the others: each with its two moments, how many it is of, and how many it is not of. */
function Measures({ of: { measures } }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  const time = (s: number | null | undefined) => (typeof s === "number" ? words.time(s) : w.frame.none);
  return (
    <section>
      <h2>{words.measures}</h2>
      <table className="rows figures">
        <thead>
          <tr>
            {[words.measure, words.definition, "n", words.median, words.p90, words.longest, words.without].map(
              (head) => (
                <th scope="col" key={head}>
                  {head}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {measures.map((one) => (
            <tr key={one.code}>
              <td>
                <b>{one.code.toUpperCase()}</b> {one.name}
              </td>
              <td className="wrap">{one.definition}</td>
              <td className="num">{one.n}</td>
              <td className="num">
                <b>{time(one.median_s)}</b>
              </td>
              <td className="num">{time(one.p90_s)}</td>
              <td className="num">{time(one.max_s)}</td>
              <td className="num">{words.withoutOf(one.without, one.without_open)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Venues({ of: { venues } }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  return (
    <section>
      <h2>
        {words.venues} <span className="sub">{words.ranking}</span>
      </h2>
      <table className="rows figures">
        <thead>
          <tr>
            {[
              words.rank,
              words.venue,
              words.lost,
              words.availability,
              words.firstPass,
              words.rounds,
              words.unfinishedRounds,
              words.incidents,
              words.unknown,
            ].map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {venues.map((one) => (
            <tr key={one.venue}>
              <td className="num">{one.rank ?? w.frame.none}</td>
              <td>
                <b>{one.name}</b>
              </td>
              <td className={one.lost_min > 0 ? "num major" : "num"}>{words.minutes(one.lost_min.toFixed(1))}</td>
              <td className="num">{share(one.available_pct, w)}</td>
              <td className="num">{share(one.first_pass_pct, w)}</td>
              <td className="num">
                {one.passed} / {one.rounds}
              </td>
              <td className="num">{one.unfinished}</td>
              <td className="num">{one.incidents}</td>
              <td className="num mut">{words.hours(one.unknown_h.toFixed(1))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Lines and MCUs; venues stand in their own table. */
function Available({ of: { availability } }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  const things = availability.filter((one) => one.kind !== "venue");
  return (
    <section>
      <h2>{words.things}</h2>
      <table className="rows figures">
        <thead>
          <tr>
            {[words.thing, words.availability, words.down, words.unknown, words.tests].map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {things.map((one) => (
            <tr key={`${one.kind} ${one.id}`}>
              <td>
                <span className="mut">{words.thingKinds[one.kind]}</span> {one.name}
              </td>
              <td className="num">{share(one.available_pct, w)}</td>
              <td className={one.down_s > 0 ? "num major" : "num"}>{span(one.down_s)}</td>
              <td className="num mut">{span(one.unknown_s)}</td>
              <td className="num">{one.kind === "link" ? words.testsOf(one.tests, one.tests_failed) : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** How much the alarms asked of each operator, beside what EEMUA 191 calls manageable. */
function Burdens({ of: { burden } }: { of: Statistics }) {
  const w = useWords();
  const words = w.statistics;
  return (
    <section>
      <h2>
        {words.burden} <span className="sub">{words.burdenText}</span>
      </h2>
      <table className="rows figures">
        <thead>
          <tr>
            {[words.operator, words.asked, words.perTen, words.peak, words.flooded, words.acknowledged].map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {burden.map((one) => (
            <tr key={one.user}>
              <td>
                <b>{one.name}</b> {!one.manageable && <span className="major">▲ {words.tooMuch}</span>}
              </td>
              <td className="num">{one.asked}</td>
              <td className="num">{typeof one.per_10_min === "number" ? one.per_10_min.toFixed(2) : w.frame.none}</td>
              <td className="num">{one.peak_per_10_min}</td>
              <td className="num">{share(one.flooded_pct, w)}</td>
              <td className="num">{one.acknowledged}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
