// The head of the room 会前: the meeting, its way to the start, how far the round is, and what can be done with it.

import { useState } from "react";
import { post } from "../api/client.ts";
import { useSecond } from "../frame/clock.ts";
import { Choice, Dialog, DialogForm } from "../frame/Dialog.tsx";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { lang, useWords, type Words } from "../words/index.ts";
import { clock, dayClock, span } from "../words/time.ts";
import type { Meeting } from "./follow.ts";
import type { Matrix } from "./matrix.ts";

interface StripProps {
  meetings: Meeting[];
  meeting: Meeting;
  matrix: Matrix | null;
  /** The round that was chosen; `null` follows the newest. */
  round: number | null;
  setRound(round: number | null): void;
  choose(meeting: string): void;
}

export function Strip({ meetings, meeting, matrix, round, setRound, choose }: StripProps) {
  const w = useWords();
  return (
    <section className="panel strip">
      <div className="title">
        {meetings.length < 2 ? (
          <b>{meeting.name}</b>
        ) : (
          <select aria-label={w.rehearsal.meeting} value={meeting.id} onChange={(event) => choose(event.target.value)}>
            {meetings.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name} · {dayClock(one.starts)}
              </option>
            ))}
          </select>
        )}{" "}
        <span className="tag">{meeting.profile}</span>
        <div className="mut s">
          {w.rehearsal.mainVenue(meeting.main_venue)} · {w.rehearsal.venues(meeting.venues)} · {meeting.phase_text}
        </div>
      </div>
      <Timeline meeting={meeting} shown={matrix?.round ?? null} round={round} setRound={setRound} />
      {matrix && <Progress matrix={matrix} />}
      <Buttons
        meeting={meeting}
        matrix={matrix}
        old={round !== null && matrix?.round !== meeting.rounds[meeting.rounds.length - 1]?.id}
      />
    </section>
  );
}

/** How people speak of a round's time. */
function when(opened: string, starts: string, w: Words): string {
  const hours = (Date.parse(starts) - Date.parse(opened)) / 3_600_000;
  if (hours >= 18 && hours < 42) return w.rehearsal.dayBefore;
  if (hours >= 0 && hours <= 1.6) return w.rehearsal.hourBefore;
  return dayClock(opened);
}

interface TimelineProps {
  meeting: Meeting;
  shown: number | null;
  round: number | null;
  setRound(round: number | null): void;
}

/** Rounds so far, the newest few, each to be looked at again, with roll call and start, by their time. */
function Timeline({ meeting, shown, setRound }: TimelineProps) {
  const w = useWords();
  const newest = meeting.rounds[meeting.rounds.length - 1]?.id;
  const marks = [
    ...meeting.rounds.slice(-3).map((round) => ({ at: round.opened, on: !round.ended, round, word: "" })),
    { at: meeting.roll_call_at, on: meeting.phase === "roll_call", round: null, word: w.rehearsal.callAt },
    { at: meeting.starts, on: meeting.phase === "live", round: null, word: w.rehearsal.starts },
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return (
    <ol className="tl">
      {marks.map(({ at, on, round, word }) => (
        <li key={round ? round.id : word} className={on ? "on" : ""}>
          {round ? (
            <button
              type="button"
              className={round.id === shown ? "shown" : ""}
              aria-pressed={round.id === shown}
              title={`${w.rehearsal.roundNumber(round.id)} · ${dayClock(at)}`}
              onClick={() => setRound(round.id === newest ? null : round.id)}
            >
              <span className="num">{when(at, meeting.starts, w)}</span>
              <br />
              {round.kind_text} {round.ended ? "✓" : w.rehearsal.running}
            </button>
          ) : (
            <>
              <span className="num">{dayClock(at)}</span>
              <br />
              {word}
            </>
          )}
        </li>
      ))}
    </ol>
  );
}

function Progress({ matrix }: { matrix: Matrix }) {
  const now = useSecond();
  const w = useWords();
  const { progress } = matrix;
  const elapsed = matrix.ended
    ? progress.elapsed_s
    : Math.max(progress.elapsed_s, (now - Date.parse(matrix.opened)) / 1000);
  const going = !matrix.ended && progress.share > 0.15 && progress.share < 1;
  const rest = going ? (elapsed * (1 - progress.share)) / progress.share : null;
  return (
    <div className="progress num">
      <b>
        {progress.venues_done} / {progress.venues}
      </b>{" "}
      {w.rehearsal.tested} · {w.rehearsal.took} {span(elapsed)}
      {rest !== null && rest < 3600 && ` · ${w.rehearsal.left(Math.ceil(rest))}`}
      <progress max={100} value={Math.round(progress.share * 100)} aria-label={w.rehearsal.tested} />
      <div className="mut s">
        {w.rehearsal.roundNumber(matrix.round)}
        {matrix.compared_with !== null &&
          matrix.compared_with !== undefined &&
          ` · ${w.rehearsal.compared(matrix.compared_with)}`}
        {matrix.ended && ` · ${clock(matrix.ended)}`}
      </div>
    </div>
  );
}

function Buttons({ meeting, matrix, old }: { meeting: Meeting; matrix: Matrix | null; old: boolean }) {
  const w = useWords();
  const { may } = useSession();
  const [asking, setAsking] = useState<"open" | "close" | null>(null);
  const running = matrix && !matrix.ended;
  const where = { path: { id: matrix?.round ?? 0 } };
  const shut = () => setAsking(null);
  const open = (value: (name: string) => string) => {
    shut();
    void run(post("/api/v1/rounds", { meeting: meeting.id, kind: value("kind"), venues: [] }));
  };
  const close = () => {
    shut();
    void run(post("/api/v1/rounds/{id}/close", {}, where));
  };
  return (
    <div className="actions">
      {old && <span className="mut">{w.rehearsal.readOnly}</span>}
      {may("run") && !running && !old && (
        <button type="button" className="btn go" onClick={() => setAsking("open")}>
          {w.rehearsal.newRound}
        </button>
      )}
      {may("run") && matrix && !old && (
        <button
          type="button"
          className="btn"
          onClick={() => void run(post("/api/v1/rounds/{id}/retest", { scope: "not_passed" } as never, where))}
        >
          {w.rehearsal.retestFailed}
        </button>
      )}
      {may("run") && running && !old && (
        <button type="button" className="btn" onClick={() => setAsking("close")}>
          {w.rehearsal.closeRound}
        </button>
      )}
      {matrix && (
        <a className="btn" href={`/api/v1/rounds/${matrix.round}/form?lang=${lang()}`} target="_blank" rel="noopener">
          {w.rehearsal.form}
        </a>
      )}
      {asking === "open" && (
        <Dialog title={w.rehearsal.newRound} close={shut}>
          <DialogForm done={open} close={shut}>
            <Choice label={w.rehearsal.kind} name="kind" options={Object.entries(w.rehearsal.kinds)} />
          </DialogForm>
        </Dialog>
      )}
      {asking === "close" && (
        <Dialog title={w.rehearsal.closeRound} close={shut}>
          <DialogForm done={close} close={shut}>
            <p>{w.rehearsal.closeAsk}</p>
          </DialogForm>
        </Dialog>
      )}
    </div>
  );
}
