// The statistics 统计 of a period, as the daemon counts them.

import { useCallback, useEffect, useState } from "react";
import { get, Problem, type Schemas } from "../api/client.ts";
import { useLang } from "../words/index.ts";

export type Statistics = Schemas["Statistics"];

/** A month or a quarter, as days that are both included. */
export interface Period {
  kind: "month" | "quarter";
  from: string;
  to: string;
}

/** While the journal is read for the first time the daemon asks to be asked again, milliseconds. */
const AGAIN = 3000;

const two = (n: number) => String(n).padStart(2, "0");
const day = (year: number, month: number, date: number): string => {
  const at = new Date(year, month, date);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
};

/** The month or quarter that lies so many before the one of a moment. */
export function periodOf(kind: Period["kind"], back: number, now: Date): Period {
  const months = kind === "month" ? 1 : 3;
  const first = Math.floor(now.getMonth() / months) * months - back * months;
  return {
    kind,
    from: day(now.getFullYear(), first, 1),
    to: day(now.getFullYear(), first + months, 0),
  };
}

interface Asked {
  statistics: Statistics | null;
  /** What went wrong, if anything. */
  told: string;
  /** Whether the daemon still reads its journal. */
  busy: boolean;
}

/** The statistics of a period; asked again while the daemon is busy. */
export function useStatistics(period: Period): Asked {
  const lang = useLang();
  const [asked, setAsked] = useState<Asked>({ statistics: null, told: "", busy: false });
  const { from, to } = period;
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  const read = useCallback(() => {
    let gone = false;
    let timer = 0;
    const ask = () =>
      get("/api/v1/statistics", { query: { from, to } }).then(
        (statistics) => !gone && setAsked({ statistics, told: "", busy: false }),
        (problem: unknown) => {
          if (gone) return;
          const busy = problem instanceof Problem && problem.code === "busy";
          setAsked({ statistics: null, told: busy ? "" : String((problem as Error).message), busy });
          if (busy) timer = window.setTimeout(ask, AGAIN);
        },
      );
    setAsked({ statistics: null, told: "", busy: false });
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [from, to, lang]);
  useEffect(() => read(), [read]);
  return asked;
}
