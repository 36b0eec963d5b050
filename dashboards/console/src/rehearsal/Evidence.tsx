// What the judgement rests on: the figures of both directions as bars against their limits, and the venue's picture.

import { useEffect, useState } from "react";
import { useWords, type Words } from "../words/index.ts";
import type { Cell, Matrix, Row } from "./matrix.ts";
import { useVenueStream } from "./pictures.ts";

interface Bar {
  label: string;
  value: number;
  unit: string;
  /** Where the bar is full. */
  full: number;
}

/** Figures worth a bar, by their names in the matrix. */
function bars(cell: Cell, w: Words): Bar[] {
  const of = (name: string, label: string, unit: string, full: number): Bar[] => {
    const value = cell.figures[name];
    return value === undefined ? [] : [{ label, value, unit, full }];
  };
  return [
    ...of("loss_to_venue_pct", w.rehearsal.toVenue, "%", 10),
    ...of("loss_from_venue_pct", w.rehearsal.fromVenue, "%", 10),
  ];
}

export function Evidence({ row, cell }: { matrix: Matrix; row: Row; cell: Cell }) {
  const w = useWords();
  const stream = useVenueStream(row.venue);
  const list = bars(cell, w);
  if (!list.length && !stream) return null;
  return (
    <section>
      <h3>{w.rehearsal.evidence}</h3>
      {list.length > 0 && (
        <ul className="bars">
          {list.map((bar) => (
            <li key={bar.label}>
              <span className="mut">{bar.label}</span>
              <meter
                min={0}
                max={bar.full}
                value={Math.min(bar.value, bar.full)}
                aria-label={`${bar.label} ${bar.value.toFixed(1)} ${bar.unit}`}
              />
              <span className="num">
                {bar.value.toFixed(1)} {bar.unit}
              </span>
            </li>
          ))}
        </ul>
      )}
      {stream && <Still key={stream.id} stream={stream.id} name={stream.name} />}
    </section>
  );
}

/** The newest picture of the venue's stream; asked for again every few seconds, gone when there is none. */
function Still({ stream, name }: { stream: string; name: string }) {
  const w = useWords();
  const [count, setCount] = useState(0);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || setCount((n) => n + 1), 3000);
    return () => window.clearInterval(timer);
  }, []);
  useEffect(() => {
    if (count % 5 === 0) setBroken(false);
  }, [count]);
  if (broken) return null;
  return (
    <figure className="still">
      <img
        src={`/api/v1/streams/${encodeURIComponent(stream)}/thumbnail?n=${count}`}
        alt={`${w.rehearsal.streamNow} ${name}`}
        onError={() => setBroken(true)}
      />
      <figcaption className="mut s">
        {w.rehearsal.streamNow} · {name}
      </figcaption>
    </figure>
  );
}
