// The alarms beside the wall: the list by keyboard, and the incident that is chosen.

import { useMemo, useState } from "react";
import { DutyCard } from "../duty/DutyCard.tsx";
import { Choice, Dialog, DialogForm } from "../frame/Dialog.tsx";
import { useSession } from "../frame/rights.ts";
import { announce, run } from "../frame/told.ts";
import { rankOf } from "../wall/stream.ts";
import { useWords } from "../words/index.ts";
import { type AlarmAct, AlarmList } from "./AlarmList.tsx";
import { handle, shelve, useIncident, useIncidents } from "./data.ts";
import { type IncidentAct, IncidentPane } from "./IncidentPane.tsx";
import type { IncidentHead } from "./model.ts";

/** What is asked about, before it is done with several. */
interface Asking {
  act: "unack" | "note" | "shelve";
  ids: number[];
}

/** The worst first, of equals the newest. */
function byUrgency(heads: IncidentHead[]): IncidentHead[] {
  return [...heads].sort(
    (a, b) => rankOf(a.severity) - rankOf(b.severity) || Date.parse(b.onset) - Date.parse(a.onset),
  );
}

export default function Alarms() {
  const w = useWords();
  const words = w.incident;
  const { may } = useSession();
  const [unsorted, again] = useIncidents("open");
  const heads = useMemo(() => unsorted && byUrgency(unsorted), [unsorted]);
  const [chosen, setChosen] = useState<number | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);
  const shown = heads?.find((head) => head.id === chosen)?.id ?? heads?.[0]?.id ?? null;
  const [incident, readAgain] = useIncident(shown);
  if (!heads) return null;
  const each = async (ids: number[], does: (id: number) => Promise<unknown>, told: string) => {
    for (const id of ids) if (!(await run(does(id)))) return;
    announce(`${told} ${ids.join(w.frame.and)}`);
    again();
    readAgain();
  };
  const act = (what: AlarmAct, ids: number[]) => {
    if (what === "ack") void each(ids, (id) => handle(id, { ask: "ack" }), words.acts.ack);
    else setAsking({ act: what, ids });
  };
  const done = (value: (name: string) => string) => {
    if (!asking) return;
    setAsking(null);
    const why = value("why").trim();
    const does = {
      unack: (id: number) => handle(id, { ask: "unack", why }),
      note: (id: number) => handle(id, { ask: "note", text: why }),
      shelve: (id: number) => shelve(id, Number(value("minutes")), why),
    }[asking.act];
    void each(asking.ids, does, words.acts[asking.act]);
  };
  const pane = (one: IncidentAct, why: string) => {
    if (shown === null) return;
    if (one === "shelve") return setAsking({ act: "shelve", ids: [shown] });
    const what =
      one === "note" || one === "called"
        ? { ask: "note", text: why }
        : one === "ack"
          ? { ask: "ack" }
          : { ask: one, why };
    void each([shown], (id) => handle(id, what), words.does[one]);
  };
  return (
    <>
      <DutyCard />
      <AlarmList heads={heads} chosen={shown} choose={setChosen} act={act} allowed={may("handle")} />
      {incident && <IncidentPane incident={incident} act={pane} allowed={may("handle")} again={readAgain} />}
      {asking && (
        <Dialog
          title={`${words.acts[asking.act]} · ${asking.ids.map(words.incident).join(w.frame.and)}`}
          close={() => setAsking(null)}
        >
          <DialogForm done={done} close={() => setAsking(null)}>
            {asking.act === "shelve" && (
              <Choice
                label={words.shelveFor}
                name="minutes"
                value="30"
                options={[10, 30, 60, 120].map((n): [string, string] => [String(n), words.minutes(n)])}
              />
            )}
            <label>
              <span>{asking.act === "note" ? words.note : words.why}</span>
              <textarea name="why" rows={3} required maxLength={500} />
            </label>
          </DialogForm>
        </Dialog>
      )}
    </>
  );
}
