// The three signatures 三方会签; while something is open nothing can be signed, and it is listed.

import { post } from "../api/client.ts";
import { Choice, DialogForm } from "../frame/Dialog.tsx";
import { useSession } from "../frame/rights.ts";
import { hrefOf } from "../frame/route.ts";
import { run } from "../frame/told.ts";
import { lang, useWords } from "../words/index.ts";
import { stamp } from "../words/time.ts";
import type { Matrix } from "./matrix.ts";

export function SignOff({ matrix }: { matrix: Matrix }) {
  const w = useWords();
  const { session, may } = useSession();
  const missing = matrix.signatures.filter((one) => !one.person);
  const open = matrix.open.length > 0;
  // The daemon names a check that has no name of its own by its word.
  const named = (item: string) => {
    const [venue, check] = item.split(" · ");
    const title = matrix.columns.find((column) => column.id === check)?.title;
    return title ? `${venue} · ${title}` : item;
  };
  const sign = (value: (name: string) => string) =>
    void run(
      post(
        "/api/v1/rounds/{id}/signoff",
        { party: value("party"), person: value("person").trim() },
        { path: { id: matrix.round } },
      ),
    );
  return (
    <section className="panel board wide">
      <div className="filter">
        <span className="mut">{w.rehearsal.signText}</span>
        <a
          className="btn to-right"
          href={`/api/v1/rounds/${matrix.round}/form?lang=${lang()}`}
          target="_blank"
          rel="noopener"
        >
          {w.rehearsal.form}
        </a>
      </div>
      <div className="scroll pair">
        <ul className="signatures">
          {matrix.signatures.map((one) => (
            <li key={one.party} className="panel">
              <h3>{one.party_text}</h3>
              {one.person ? (
                <>
                  <b>{one.person}</b>
                  <div className="mut num">{one.at && stamp(one.at)}</div>
                </>
              ) : (
                <span className="mut">{w.rehearsal.unsigned}</span>
              )}
            </li>
          ))}
        </ul>
        {open && (
          <div className="say minor">
            <b>{w.rehearsal.signBlocked(matrix.open.length)}</b>
            <ul className="open">
              {matrix.open.map((item) => (
                <li key={item}>{named(item)}</li>
              ))}
            </ul>
            <a href={hrefOf("before", "matrix", matrix.meeting.id)}>{w.rehearsal.matrix}</a>
          </div>
        )}
        {!open && missing.length > 0 && !may("sign") && <p className="mut">{w.rehearsal.signNoRight}</p>}
        {!open && missing.length > 0 && may("sign") && (
          <div className="narrow">
            <DialogForm done={sign} close={() => history.back()} verb={w.rehearsal.signNow}>
              <Choice
                label={w.rehearsal.party}
                name="party"
                options={missing.map((one): [string, string] => [one.party, one.party_text])}
              />
              <label>
                <span>{w.rehearsal.person}</span>
                <input name="person" required defaultValue={session.name} />
              </label>
            </DialogForm>
          </div>
        )}
      </div>
    </section>
  );
}
