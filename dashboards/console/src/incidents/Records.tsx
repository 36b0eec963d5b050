// The rehearsal records 调试记录: every round with its form to print.

import type { Schemas } from "../api/client.ts";
import { hrefOf } from "../frame/route.ts";
import { useLang, useWords } from "../words/index.ts";
import { span, stamp } from "../words/time.ts";

type Meeting = Schemas["MeetingDetail"];

export function Records({ meetings }: { meetings: Meeting[] }) {
  const w = useWords();
  const lang = useLang();
  const rounds = meetings.flatMap((meeting) => meeting.rounds.map((round) => ({ meeting, round })));
  rounds.sort((a, b) => Date.parse(b.round.opened) - Date.parse(a.round.opened));
  const words = w.incident;
  return (
    <section className="panel board">
      <div className="filter">
        <h1>{words.records}</h1>
        <span className="mut">{words.recordsText}</span>
      </div>
      <div className="scroll">
        <table className="rows">
          <thead>
            <tr>
              {[
                words.opened,
                words.meeting,
                words.round,
                words.kind,
                words.took,
                words.cells,
                words.left,
                words.form,
              ].map((head) => (
                <th scope="col" key={head}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rounds.map(({ meeting, round }) => (
              <tr key={round.id}>
                <td className="num">{stamp(round.opened)}</td>
                <td>
                  <b>{meeting.name}</b>
                </td>
                <td className="num">{round.id}</td>
                <td>
                  {round.kind_text} {round.automatic && <span className="tag">{w.rehearsal.automatic}</span>}
                </td>
                <td className="num">
                  {round.ended ? span((Date.parse(round.ended) - Date.parse(round.opened)) / 1000) : words.running}
                </td>
                <td className="num">{round.cells}</td>
                <td className={round.open ? "num minor" : "num"}>{round.open}</td>
                <td>
                  <a href={`/api/v1/rounds/${round.id}/form?lang=${lang}`} target="_blank" rel="noopener">
                    {words.form}
                  </a>{" "}
                  <a href={`/api/v1/rounds/${round.id}/record.docx?lang=${lang}`}>{words.recordDocx}</a>{" "}
                  <a href={hrefOf("before", "matrix", meeting.id)}>{words.look}</a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {!rounds.length && <p className="quiet">{words.none}</p>}
      </div>
    </section>
  );
}
