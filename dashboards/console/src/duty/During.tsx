// The other pages of the room 会中: duty and plans.

import { useSession } from "../frame/rights.ts";
import { PlansPage } from "../plans/PlansPage.tsx";
import { useWords } from "../words/index.ts";
import { DuringBoards } from "./DuringBoards.tsx";
import { DutyPage } from "./DutyPage.tsx";
import "../incidents/after.css";
import "../plans/plans.css";

export default function During({ page, subject }: { page: "duty" | "plans"; subject: string }) {
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
    <main className="boarded">
      <DuringBoards page={page} />
      {page === "duty" ? <DutyPage /> : <PlansPage subject={subject} />}
    </main>
  );
}
