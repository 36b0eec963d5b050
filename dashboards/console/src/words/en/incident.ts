// After the meeting 会后.

import type { Words } from "../index.ts";

export const incident: Words["incident"] = {
  title: "After",
  records: "Rehearsal records",
  recordsText: "Each round has its record form, to print; who signed stands in it.",
  meeting: "Meeting",
  round: "Round",
  kind: "Kind",
  opened: "Began",
  took: "Took",
  left: "Open",
  cells: "Checks",
  form: "Record form",
  look: "Look",
  running: "running",
  none: "No records.",
};
