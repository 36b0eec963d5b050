// A small line over time: its name, its range and its value are written, nothing waits for a hover.

interface ChartProps {
  title: string;
  /** Time in milliseconds and value, in order. */
  points: [number, number][];
  from: number;
  until: number;
  /** The moment that is looked at. */
  at: number;
}

const WIDTH = 320;
const HEIGHT = 46;

const short = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1));

export function Chart({ title, points, from, until, at }: ChartProps) {
  const values = points.map(([, value]) => value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (time: number) => ((time - from) / Math.max(1, until - from)) * WIDTH;
  const y = (value: number) => HEIGHT - 3 - ((value - low) / Math.max(1e-9, high - low)) * (HEIGHT - 6);
  const line = points
    .map(([time, value]) => `${x(time).toFixed(1)},${(high === low ? HEIGHT / 2 : y(value)).toFixed(1)}`)
    .join(" ");
  const now = [...points].reverse().find(([time]) => time <= at)?.[1];
  return (
    <figure className="chart">
      <figcaption>
        {title} <b className="num">{now === undefined ? "–" : short(now)}</b>{" "}
        <span className="mut num s">
          {short(low)} – {short(high)}
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title} ${short(low)} – ${short(high)}`}
      >
        <polyline points={line} />
        <line x1={x(at)} x2={x(at)} y1={0} y2={HEIGHT} />
      </svg>
    </figure>
  );
}
