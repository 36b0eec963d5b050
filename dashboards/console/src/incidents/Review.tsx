// The review 总结分析 of an incident and what is to be put right 整改.

import { Choice } from "../frame/Dialog.tsx";
import { run } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { stamp } from "../words/time.ts";
import { Corrections } from "./Corrections.tsx";
import { review } from "./data.ts";
import type { Incident } from "./model.ts";

export function Review({ incident, allowed, again }: { incident: Incident; allowed: boolean; again(): void }) {
  const w = useWords();
  const words = w.incident;
  const sign = async (data: FormData) => {
    await run(review(incident.id, String(data.get("cause")), String(data.get("text")).trim()));
    again();
  };
  return (
    <section className="review">
      <h3>{words.review}</h3>
      {incident.review && (
        <>
          <p>
            <b>{incident.review.cause}</b> {incident.review.text}
          </p>
          <p className="mut num">{words.reviewedBy(incident.review.by, stamp(incident.review.at))}</p>
        </>
      )}
      {!incident.review && (incident.state !== "resolved" || !allowed) && <p className="mut">{words.reviewNot}</p>}
      {!incident.review && incident.state === "resolved" && allowed && (
        <form
          className="narrow"
          onSubmit={(event) => {
            event.preventDefault();
            void sign(new FormData(event.currentTarget));
          }}
        >
          <Choice
            label={words.rootCause}
            name="cause"
            value={incident.faultClass}
            options={Object.entries(words.classes)}
          />
          <label>
            <span>{words.reviewText}</span>
            <textarea name="text" rows={3} required maxLength={2000} />
          </label>
          <div className="actions">
            <button type="submit" className="btn go">
              {words.sign}
            </button>
          </div>
        </form>
      )}
      <Corrections incident={incident} again={again} />
    </section>
  );
}
