// A meeting again 会议回放: the pictures and figures of any moment that was kept.

import { useEffect, useMemo, useState } from "react";
import { get, type Schemas } from "../api/client.ts";
import { useWords } from "../words/index.ts";
import { clock, dayClock } from "../words/time.ts";
import { Chart } from "./Chart.tsx";
import { Then } from "./Then.tsx";

type Meeting = Schemas["MeetingDetail"];
type Stream = Schemas["StreamListed"];
type Sample = Schemas["SampleShown"];

/** How often pictures were kept, milliseconds. */
const STEP = 10_000;
/** A picture older than this is not of that moment, milliseconds. */
const OF_THE_MOMENT = 30_000;
/** How far each second of playing goes, milliseconds. */
const PACE = 30_000;

interface Still {
  at: number;
  href: string;
}

/** The newest picture not after a moment. */
function stillAt(stills: Still[], at: number): Still | null {
  let low = 0;
  let high = stills.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stills[middle]?.at ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  const found = stills[low - 1];
  return found && at - found.at <= OF_THE_MOMENT ? found : null;
}

/** What was kept of a meeting's streams in its time. */
function useStills(streams: Stream[], from: string, until: string): Map<string, Still[]> {
  const [stills, setStills] = useState<Map<string, Still[]>>(new Map());
  const ids = streams.map((stream) => stream.id).join(" ");
  useEffect(() => {
    let gone = false;
    setStills(new Map());
    const read = async () => {
      for (const id of ids.split(" ").filter(Boolean)) {
        const page = await get("/api/v1/streams/{id}/stills", { path: { id }, query: { from, until } }).catch(
          () => null,
        );
        if (gone) return;
        const items = (page?.items ?? []).map((one) => ({ at: Date.parse(one.at), href: one.href }));
        setStills((before) => new Map(before).set(id, items));
      }
    };
    void read();
    return () => {
      gone = true;
    };
  }, [ids, from, until]);
  return stills;
}

export function Replay({ meetings }: { meetings: Meeting[] }) {
  const w = useWords();
  const words = w.incident;
  const begun = meetings.filter((one) => Date.parse(one.starts) < Date.now());
  const [id, setId] = useState(begun[begun.length - 1]?.id ?? "");
  const meeting = begun.find((one) => one.id === id);
  return (
    <section className="panel board">
      <div className="filter">
        <h1>{words.replay}</h1>
        <select aria-label={words.meeting} value={id} onChange={(event) => setId(event.target.value)}>
          {begun.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name} · {dayClock(one.starts)}
            </option>
          ))}
        </select>
        <span className="mut">{words.replayText}</span>
      </div>
      {meeting ? <Scrub key={meeting.id} meeting={meeting} /> : <p className="quiet">{words.noStills}</p>}
    </section>
  );
}

function Scrub({ meeting }: { meeting: Meeting }) {
  const w = useWords();
  const words = w.incident;
  const [streams, setStreams] = useState<Stream[]>([]);
  const [chosen, setChosen] = useState("");
  const first = Date.parse(meeting.starts);
  const [last] = useState(() => Math.min(Date.parse(meeting.ends), Date.now()));
  const [at, setAt] = useState(last);
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    get("/api/v1/streams").then(
      (page) => setStreams(page.items.filter((one) => !one.meeting || one.meeting === meeting.id)),
      () => null,
    );
  }, [meeting.id]);
  useEffect(() => {
    if (!playing) return;
    const timer = window.setInterval(() => setAt((before) => Math.min(last, before + PACE / 2)), 500);
    return () => window.clearInterval(timer);
  }, [playing, last]);
  const stills = useStills(streams, meeting.starts, new Date(last).toISOString());
  const any = [...stills.values()].some((one) => one.length > 0);
  return (
    <>
      <div className="filter">
        <button type="button" className="btn" aria-pressed={playing} onClick={() => setPlaying(!playing)}>
          {playing ? words.pause : words.play}
        </button>
        <span className="mut s">{words.faster}</span>
        <span className="num mut">{clock(meeting.starts)}</span>
        <input
          type="range"
          className="scrub"
          aria-label={words.at}
          aria-valuetext={clock(new Date(at).toISOString())}
          min={first}
          max={last}
          step={STEP}
          value={at}
          onChange={(event) => setAt(Number(event.target.value))}
        />
        <span className="num mut">{clock(new Date(last).toISOString())}</span>
        <b className="num">{clock(new Date(at).toISOString())}</b>
      </div>
      <div className="replay">
        <div className="stills">
          {!any && stills.size === streams.length && streams.length > 0 && <p className="quiet">{words.noStills}</p>}
          {any &&
            streams.map((stream) => {
              const still = stillAt(stills.get(stream.id) ?? [], at);
              return (
                <button
                  key={stream.id}
                  type="button"
                  className={stream.id === chosen ? "still sel" : "still"}
                  aria-pressed={stream.id === chosen}
                  onClick={() => setChosen(chosen === stream.id ? "" : stream.id)}
                >
                  {still ? <img src={still.href} alt="" /> : <span className="none">{words.noStill}</span>}
                  <span className="umd">
                    <b>{stream.venue_name ?? stream.name}</b>{" "}
                    {still && <span className="num">{clock(new Date(still.at).toISOString())}</span>}
                  </span>
                </button>
              );
            })}
        </div>
        {!chosen && <Then at={at} />}
        {chosen && (
          <Figures
            stream={chosen}
            name={streams.find((one) => one.id === chosen)?.name ?? ""}
            from={first}
            until={last}
            at={at}
          />
        )}
      </div>
    </>
  );
}

function Figures({
  stream,
  name,
  from,
  until,
  at,
}: {
  stream: string;
  name: string;
  from: number;
  until: number;
  at: number;
}) {
  const w = useWords();
  const words = w.incident;
  const [samples, setSamples] = useState<Sample[]>([]);
  useEffect(() => {
    const query = { from: new Date(from).toISOString(), until: new Date(until + 60_000).toISOString() };
    get("/api/v1/streams/{id}/samples", { path: { id: stream }, query }).then(
      (page) => setSamples(page.items),
      () => setSamples([]),
    );
  }, [stream, from, until]);
  const series = useMemo(() => {
    const found = new Map<string, [number, number][]>();
    for (const sample of samples)
      found.set(sample.metric, [...(found.get(sample.metric) ?? []), [Date.parse(sample.minute), sample.mean]]);
    return [...found].sort(([a], [b]) => a.localeCompare(b));
  }, [samples]);
  return (
    <aside className="panel side" aria-label={words.figures}>
      <h2>{name}</h2>
      {!series.length && <p className="mut">{words.noFigures}</p>}
      {series.map(([metric, points]) => (
        <Chart key={metric} title={words.metrics[metric] ?? metric} points={points} from={from} until={until} at={at} />
      ))}
    </aside>
  );
}
