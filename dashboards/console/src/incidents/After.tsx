// The room 会后: what remains of meetings.

import { useEffect, useState } from "react";
import { get, type Schemas } from "../api/client.ts";
import { useSession } from "../frame/rights.ts";
import { hrefOf, useRoute } from "../frame/route.ts";
import { StatisticsPage } from "../statistics/StatisticsPage.tsx";
import { useLang, useWords } from "../words/index.ts";
import { Incidents } from "./Incidents.tsx";
import { Records } from "./Records.tsx";
import { Replay } from "./Replay.tsx";
import "./after.css";

type Meeting = Schemas["MeetingDetail"];

const BOARDS = ["incidents", "records", "replay", "statistics"] as const;

export default function After() {
  const w = useWords();
  const lang = useLang();
  const { may } = useSession();
  const route = useRoute();
  const [meetings, setMeetings] = useState<Meeting[] | null>(null);
  const allowed = may("rehearsal");
  // biome-ignore lint/correctness/useExhaustiveDependencies: read again in the other language
  useEffect(() => {
    if (!allowed) return;
    get("/api/v1/meetings").then(
      (page) => setMeetings(page.items),
      () => setMeetings([]),
    );
  }, [allowed, lang]);
  if (!allowed) {
    return (
      <main className="empty">
        <div className="panel note">
          <h2>{w.frame.noRight}</h2>
          <p className="mut">{w.frame.noRightText}</p>
        </div>
      </main>
    );
  }
  const board = BOARDS.find((one) => one === route.page) ?? "incidents";
  return (
    <main className="after">
      <nav className="boards" aria-label={w.incident.title}>
        {BOARDS.map((one) => (
          <a
            key={one}
            href={hrefOf("after", one)}
            className={one === board ? "on" : ""}
            aria-current={one === board ? "page" : undefined}
          >
            {one === "statistics" ? w.statistics.title : w.incident[one]}
          </a>
        ))}
      </nav>
      {!meetings && (board === "records" || board === "replay") && <section className="panel board" aria-busy="true" />}
      {board === "incidents" && <Incidents subject={route.subject} />}
      {board === "statistics" && <StatisticsPage />}
      {meetings && board === "records" && <Records meetings={meetings} />}
      {meetings && board === "replay" && <Replay meetings={meetings} />}
    </main>
  );
}
