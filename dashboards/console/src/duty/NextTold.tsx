// Who was told of an incident last, and when the next one is.

import { useSession } from "../frame/rights.ts";
import { usePersons } from "../plans/plans.ts";
import { said } from "../plans/run.ts";
import { useWords } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { namesOf } from "./DutyPage.tsx";
import { useDuty } from "./duty.ts";

export function NextTold({ incident }: { incident: number }) {
  const w = useWords();
  const { may } = useSession();
  const [duty] = useDuty();
  const persons = usePersons(may("people"));
  const paging = duty?.paging.find((one) => one.incident === incident);
  if (!paging) return null;
  const last = paging.told[paging.told.length - 1];
  const stopped = paging.stopped ? said(paging.stopped) : w.duty.noNext;
  return (
    <p className="mut num nextup">
      {last && `${w.duty.lastTold(namesOf(persons)(last.to), clock(last.at))} · `}
      {paging.next ? w.duty.nextTold(clock(paging.next)) : stopped}
    </p>
  );
}
