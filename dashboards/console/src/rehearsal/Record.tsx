// Recording a manual item 现场核对 or 看听确认, by oneself or for somebody on the telephone 电话代填.

import { post } from "../api/client.ts";
import { Choice, Dialog, DialogForm } from "../frame/Dialog.tsx";
import { run } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import type { Person } from "./follow.ts";
import type { Cell } from "./matrix.ts";

export type Outcome = "in_order" | "faulty" | "not_applicable";

interface Found {
  outcome: string;
  note?: string;
  by_telephone_from?: string | null;
}

/** Sends what was found. */
export function record(round: number, venue: string, cell: Cell, found: Found): Promise<boolean> {
  const { item } = cell.key as { item: string };
  const body = { venue, item, note: "", by_telephone_from: null, ...found };
  const where = { path: { id: round } };
  if (cell.check.startsWith("confirm:")) return run(post("/api/v1/rounds/{id}/confirm", body, where));
  return run(post("/api/v1/rounds/{id}/room", body, where));
}

interface RecordProps {
  round: number;
  venue: string;
  title: string;
  cell: Cell;
  people: Person[];
  close(): void;
}

export function RecordDialog({ round, venue, title, cell, people, close }: RecordProps) {
  const w = useWords();
  const r = w.rehearsal;
  const done = (value: (name: string) => string) => {
    close();
    void record(round, venue, cell, {
      outcome: value("outcome"),
      note: value("note").trim(),
      by_telephone_from: value("from") || null,
    });
  };
  return (
    <Dialog title={title} close={close}>
      <DialogForm done={done} close={close}>
        <Choice
          label={r.outcome}
          name="outcome"
          value={cell.room?.outcome ?? "in_order"}
          options={Object.entries(r.outcomes)}
        />
        <Choice
          label={r.phoneFrom}
          name="from"
          options={[["", r.self], ...people.map((one): [string, string] => [one.id, one.name])]}
        />
        <label>
          <span>{r.note}</span>
          <textarea name="note" rows={2} maxLength={300} defaultValue={cell.room?.note} />
        </label>
      </DialogForm>
    </Dialog>
  );
}
