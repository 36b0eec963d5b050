// The alarm's sound. Browsers are silent until somebody clicks, so it is started by a button that also says whether it
// is on; a new grave finding sounds once.

import { w } from "../words/index.ts";
import { el } from "./dom.ts";
import { rankOf, type Stream } from "./stream.ts";

/** Findings at least this grave sound. */
const GRAVE = 1;

export class AlarmSound {
  readonly node = el("button.btn", { type: "button", "aria-pressed": "false" }, w().wall.soundStart);
  private context: AudioContext | null = null;
  private heard: Set<string> | null = null;

  constructor() {
    this.node.addEventListener("click", () => this.turn());
  }

  private turn(): void {
    if (this.context) {
      this.close();
    } else {
      this.context = new AudioContext();
      this.beep();
    }
    const on = this.context !== null;
    this.node.textContent = on ? w().wall.soundOn : w().wall.soundMuted;
    this.node.setAttribute("aria-pressed", String(on));
  }

  /** Looks for grave findings that were not there before. */
  hear(streams: Stream[]): void {
    const grave = streams.flatMap((stream) =>
      stream.findings
        .filter((one) => rankOf(one.severity) <= GRAVE)
        .map((one) => `${stream.id} ${one.rule} ${one.since}`),
    );
    const before = this.heard;
    this.heard = new Set(grave);
    if (before && grave.some((one) => !before.has(one))) this.beep();
  }

  private beep(): void {
    const { context } = this;
    if (!context) return;
    for (const at of [0, 0.22]) {
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.frequency.value = 880;
      gain.gain.setValueAtTime(0.12, context.currentTime + at);
      gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + at + 0.18);
      tone.connect(gain).connect(context.destination);
      tone.start(context.currentTime + at);
      tone.stop(context.currentTime + at + 0.2);
    }
  }

  close(): void {
    void this.context?.close();
    this.context = null;
  }
}
