// Who is on duty, in one line beside the wall.

import { useSession } from "../frame/rights.ts";
import { hrefOf } from "../frame/route.ts";
import { usePersons } from "../plans/plans.ts";
import { useWords } from "../words/index.ts";
import { namesOf } from "./DutyPage.tsx";
import { useDuty } from "./duty.ts";

export function DutyCard() {
  const w = useWords();
  const words = w.duty;
  const { may } = useSession();
  const [duty] = useDuty();
  const persons = usePersons(may("people"));
  if (!duty) return null;
  const shift = duty.shifts.find((one) => one.now);
  const named = namesOf(persons);
  const waiting = duty.handovers.some((one) => !one.taken);
  return (
    <section className="panel duty-card" aria-label={words.title}>
      {shift ? (
        <>
          {shift.operators.slice(0, 2).map((id, at) => (
            <span key={id}>
              <span className="mut">{words.short[at]}</span> <b>{named(id)}</b>
            </span>
          ))}
          {shift.leader && (
            <span>
              <span className="mut">{words.shortLeader}</span> <b>{named(shift.leader)}</b>
            </span>
          )}
          {shift.flaws.length > 0 && <span className="major">▲ {w.duty.flaws[shift.flaws[0]?.flaw ?? ""]}</span>}
        </>
      ) : (
        <span className="major">▲ {words.nobody}</span>
      )}
      <a className="to-right" href={hrefOf("during", "duty")}>
        {waiting ? words.waiting : words.title}
      </a>
    </section>
  );
}
