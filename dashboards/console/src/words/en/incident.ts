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
  replay: "Replay",
  replayText:
    "Move the time to see the pictures and figures of then. A picture each 10 s, figures by the minute; nothing of a meeting that must leave no trace.",
  at: "Time",
  play: "Play",
  pause: "Pause",
  faster: "30 s a second",
  noStills: "No pictures of this meeting were kept.",
  noStill: "no picture then",
  figures: "Figures",
  metrics: {
    flowing: "media",
    fps: "pictures/s",
    video_kbps: "picture kbit/s",
    audio_kbps: "sound kbit/s",
    rms_dbfs: "level dBFS",
    loss_pct: "loss %",
    jitter_ms: "jitter ms",
  },
  noFigures: "No figures.",
  range: (low, high) => `${low} – ${high}`,
};
