// What the rehearsal reads: the meetings, and the matrix of a round as it moves.

import { useEffect, useState } from "react";
import { get, type Schemas } from "../api/client.ts";
import { Socket } from "../api/socket.ts";
import { announce, tellUnrecorded } from "../frame/told.ts";
import { useLang, w } from "../words/index.ts";
import type { Matrix } from "./matrix.ts";

export type Meeting = Schemas["MeetingDetail"];
export type Person = Schemas["PersonShown"];

interface MatrixMessage {
  t: "matrix";
  unrecorded: boolean;
  matrix: Matrix | null;
}

/** The meetings of the caller's regions; read again when `sign` changes. */
export function useMeetings(sign: string): Meeting[] | null {
  const lang = useLang();
  const [meetings, setMeetings] = useState<Meeting[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `sign` and the language say when to read again
  useEffect(() => {
    let gone = false;
    get("/api/v1/meetings").then(
      (page) => !gone && setMeetings(page.items),
      () => !gone && setMeetings((before) => before ?? []),
    );
    return () => {
      gone = true;
    };
  }, [sign, lang]);
  return meetings;
}

/** The meeting to show first: the one with a running round, else the next to start, else the last. */
export function firstMeeting(meetings: Meeting[]): Meeting | undefined {
  const running = meetings.find((meeting) => meeting.rounds.some((round) => !round.ended));
  const next = meetings.find((meeting) => meeting.phase !== "over");
  return running ?? next ?? meetings[meetings.length - 1];
}

export interface Followed {
  /** `undefined` until the first message; `null` while there is no round. */
  matrix: Matrix | null | undefined;
}

/** Follows a meeting's newest round, or one round. */
export function useMatrix(meeting: string | undefined, round: number | null, signedOut: () => void): Followed {
  const lang = useLang();
  const [matrix, setMatrix] = useState<Matrix | null | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the language is part of the socket's address
  useEffect(() => {
    setMatrix(undefined);
    if (!meeting) return;
    const query = round === null ? `meeting=${encodeURIComponent(meeting)}` : `round=${round}`;
    let before: Matrix | null = null;
    const socket = new Socket("/api/v1/live", query, {
      text: (message) => {
        const heard = message as MatrixMessage;
        if (heard.t !== "matrix") return;
        tellUnrecorded(heard.unrecorded);
        const over =
          before && heard.matrix && before.round === heard.matrix.round && !before.ended && heard.matrix.ended;
        if (over) announce(w().rehearsal.roundOver);
        before = heard.matrix;
        setMatrix(heard.matrix);
      },
      signedOut,
    });
    return () => socket.close();
  }, [meeting, round, lang]);
  return { matrix };
}

const people = new Map<string, Person[]>();

/** A venue's contacts, A角 first; read once. */
export function usePeople(venue: string | undefined, allowed: boolean): Person[] | null {
  const [, drawn] = useState(0);
  useEffect(() => {
    if (!venue || !allowed || people.has(venue)) return;
    people.set(venue, []);
    get("/api/v1/people", { query: { venue } }).then(
      (page) => {
        people.set(venue, page.items);
        drawn((n) => n + 1);
      },
      () => people.delete(venue),
    );
  }, [venue, allowed]);
  return venue ? (people.get(venue) ?? null) : null;
}
