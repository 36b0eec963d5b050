// The room 会前: which meeting, how far it is, and one of its boards.

import { useCallback, useEffect, useMemo, useState } from "react";
import "./rehearsal.css";
import { useSession } from "../frame/rights.ts";
import { go, hrefOf, useRoute } from "../frame/route.ts";
import { useWords } from "../words/index.ts";
import { Confirm } from "./Confirm.tsx";
import { firstMeeting, type Meeting, useMatrix, useMeetings } from "./follow.ts";
import { MatrixBoard } from "./MatrixBoard.tsx";
import type { Matrix } from "./matrix.ts";
import { RollCall } from "./RollCall.tsx";
import { SignOff } from "./SignOff.tsx";
import { Strip } from "./Strip.tsx";

const BOARDS = ["matrix", "rollcall", "confirm", "room", "signoff"] as const;
type Board = (typeof BOARDS)[number];

export default function Rehearsal() {
  const w = useWords();
  const { may } = useSession();
  if (!may("rehearsal")) return <Note title={w.frame.noRight} text={w.frame.noRightText} />;
  return <Room />;
}

export function Note({ title, text }: { title: string; text: string }) {
  return (
    <main className="empty">
      <div className="panel note">
        <h2>{title}</h2>
        <p className="mut">{text}</p>
      </div>
    </main>
  );
}

function Room() {
  const w = useWords();
  const route = useRoute();
  const [sign, setSign] = useState("");
  const [round, setRound] = useState<number | null>(null);
  const meetings = useMeetings(sign);
  const meeting = useMemo(
    () => meetings?.find((one) => one.id === route.subject) ?? (meetings ? firstMeeting(meetings) : undefined),
    [meetings, route.subject],
  );
  const { matrix } = useMatrix(meeting?.id, round, () => location.reload());
  // A round that began or ended changes the timeline; a roll call changes its board.
  const moved = matrix ? `${matrix.round} ${Boolean(matrix.ended)}` : "";
  useEffect(() => setSign(moved), [moved]);
  const again = useCallback(() => setSign((before) => `${before}.`), []);
  const board = BOARDS.find((one) => one === route.page) ?? "matrix";
  if (!meetings) return <main className="empty" aria-busy="true" />;
  if (!meeting) return <Note title={w.rehearsal.noMeeting} text={w.rehearsal.noMeetingText} />;
  const choose = (id: string) => {
    setRound(null);
    go("before", board, id);
  };
  return (
    <main className="rehearsal">
      <Strip
        meetings={meetings}
        meeting={meeting}
        matrix={matrix ?? null}
        round={round}
        setRound={setRound}
        choose={choose}
      />
      <Boards board={board} meeting={meeting} matrix={matrix ?? null} />
      <Shown
        board={board}
        meeting={meeting}
        matrix={matrix}
        again={again}
        old={round !== null && matrix !== undefined && matrix?.ended !== null}
      />
    </main>
  );
}

/** The boards of a meeting, with what is still to do in each. */
function Boards({ board, meeting, matrix }: { board: Board; meeting: Meeting; matrix: Matrix | null }) {
  const { rehearsal: r } = useWords();
  const names: Record<Board, string> = {
    matrix: r.matrix,
    rollcall: r.rollCall,
    confirm: r.confirm,
    room: r.room,
    signoff: r.signOff,
  };
  const counts: Partial<Record<Board, string>> = {
    rollcall: `${meeting.roll_calls.length}/${meeting.venues}`,
    confirm: filled(matrix, "confirm"),
    room: filled(matrix, "room"),
    signoff: matrix ? `${matrix.signatures.filter((one) => one.person).length}/${matrix.signatures.length}` : "",
  };
  return (
    <nav className="boards" aria-label={r.views}>
      {BOARDS.map((one) => (
        <a
          key={one}
          href={hrefOf("before", one, meeting.id)}
          className={one === board ? "on" : ""}
          aria-current={one === board ? "page" : undefined}
        >
          {names[one]} {counts[one] && <span className="mut num">{counts[one]}</span>}
        </a>
      ))}
    </nav>
  );
}

function filled(matrix: Matrix | null, kind: string): string {
  const places = matrix?.columns.flatMap((column, at) => (column.kind === kind ? [at] : [])) ?? [];
  const cells = matrix?.rows.flatMap((row) => places.flatMap((at) => row.cells[at] ?? [])) ?? [];
  return cells.length ? `${cells.filter((cell) => cell.room || cell.waived).length}/${cells.length}` : "";
}

interface ShownProps {
  board: Board;
  meeting: Meeting;
  matrix: Matrix | null | undefined;
  again(): void;
  /** Whether this is an earlier round. */
  old: boolean;
}

function Shown({ board, meeting, matrix, again, old }: ShownProps) {
  const w = useWords();
  if (board === "rollcall") return <RollCall meeting={meeting} again={again} />;
  if (matrix === undefined) return <section className="panel board" aria-busy="true" />;
  if (matrix === null) {
    return (
      <section className="panel board">
        <p className="quiet">{w.rehearsal.noRound}</p>
      </section>
    );
  }
  if (board === "confirm") return <Confirm matrix={matrix} kind="confirm" />;
  if (board === "room") return <Confirm matrix={matrix} kind="room" />;
  if (board === "signoff") return <SignOff matrix={matrix} />;
  return <MatrixBoard matrix={matrix} old={old} />;
}
