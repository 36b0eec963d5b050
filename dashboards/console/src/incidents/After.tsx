// The room 会后: what remains of meetings.

import { useSession } from "../frame/rights.ts";
import { useWords } from "../words/index.ts";
import { Records } from "./Records.tsx";
import "./after.css";

export default function After() {
  const w = useWords();
  const { may } = useSession();
  if (!may("rehearsal")) {
    return (
      <main className="empty">
        <div className="panel note">
          <h2>{w.frame.noRight}</h2>
          <p className="mut">{w.frame.noRightText}</p>
        </div>
      </main>
    );
  }
  return (
    <main className="after">
      <Records />
    </main>
  );
}
