// 整改: what is to be put right after an incident, by whom, until when, and whether it was.

import { useState } from "react";
import { Choice, Dialog, DialogForm } from "../frame/Dialog.tsx";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { usePersons } from "../plans/plans.ts";
import { useWords } from "../words/index.ts";
import { dayClock } from "../words/time.ts";
import { correct, corrected } from "./data.ts";
import type { CorrectionShown, Incident } from "./model.ts";

export function Corrections({ incident, again }: { incident: Incident; again(): void }) {
  const w = useWords();
  const words = w.incident;
  const { may } = useSession();
  const [asking, setAsking] = useState<"new" | CorrectionShown | null>(null);
  const persons = usePersons(may("people") && may("handle"));
  const named = (id: string) => persons?.find((one) => one.id === id)?.name ?? id;
  const close = () => setAsking(null);
  if (!incident.corrections.length && !may("handle")) return null;
  const send = (value: (name: string) => string) => {
    close();
    const done =
      asking === "new"
        ? correct(incident.id, value("text").trim(), value("owner"), new Date(`${value("due")}T18:00`).toISOString())
        : corrected(incident.id, asking?.n ?? 0, value("text").trim());
    void run(done).then(again);
  };
  return (
    <>
      <h3>{words.corrections}</h3>
      <ol>
        {incident.corrections.map((one) => (
          <li key={one.n}>
            {one.text} · {named(one.owner)} <span className="mut num">{words.due(dayClock(one.due))}</span>{" "}
            <span className="tag">{one.done ? words.doneOn(dayClock(one.done.at)) : words.notDone}</span>{" "}
            {one.done?.note}
            {!one.done && may("handle") && (
              <button type="button" className="btn small" onClick={() => setAsking(one)}>
                {words.correctDone}
              </button>
            )}
          </li>
        ))}
      </ol>
      {may("handle") && (persons?.length ?? 0) > 0 && (
        <div className="actions">
          <button type="button" className="btn" onClick={() => setAsking("new")}>
            {words.correct}…
          </button>
        </div>
      )}
      {asking && (
        <Dialog title={asking === "new" ? words.correct : asking.text} close={close}>
          <DialogForm done={send} close={close}>
            <label>
              <span>{asking === "new" ? words.correctWhat : words.correctHow}</span>
              <textarea name="text" rows={3} required maxLength={1000} />
            </label>
            {asking === "new" && (
              <>
                <Choice
                  label={words.owner}
                  name="owner"
                  options={(persons ?? []).map((one): [string, string] => [one.id, one.name])}
                />
                <label>
                  <span>{words.dueBy}</span>
                  <input type="date" name="due" required />
                </label>
              </>
            )}
          </DialogForm>
        </Dialog>
      )}
    </>
  );
}
