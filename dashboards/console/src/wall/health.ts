// How the meeting's machines are: MCUs and endpoints as their watches see them, and which meetings run now.

import { get, type Schemas } from "../api/client.ts";
import { lang, w } from "../words/index.ts";
import { clock, span } from "../words/time.ts";
import { lookOfSight } from "./device.ts";
import { el, refill } from "./dom.ts";

export type Device = Schemas["DeviceShown"];
type Meeting = Schemas["MeetingDetail"];

/** How often it is read anew, milliseconds. */
const EVERY = 5000;
/** Meetings read as often as each n-th time: their phase changes slowly. */
const MEETINGS_EVERY = 4;

export class Health {
  readonly node = el("section.panel.health", { "aria-label": w().wall.devices });
  private devices: Device[] | null = null;
  private now: Meeting[] = [];
  private count = 0;
  private readonly timer: number;

  constructor(private readonly open: (device: Device) => void) {
    void this.read();
    this.timer = window.setInterval(() => document.hidden || void this.read(), EVERY);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async read(): Promise<void> {
    const devices = await get("/api/v1/devices").catch(() => null);
    if (devices) this.devices = devices.items;
    if (this.count % MEETINGS_EVERY === 0) {
      const meetings = await get("/api/v1/meetings").catch(() => null);
      if (meetings) this.now = meetings.items.filter((one) => ["live", "roll_call", "hour_before"].includes(one.phase));
    }
    this.count += 1;
    this.draw();
  }

  /** The meetings of the moment with their phase and how long they run. */
  meetings(): { name: string; phase: string; time: string }[] {
    const at = Date.now();
    return this.now.map((one) => {
      const since = (at - Date.parse(one.starts)) / 1000;
      const time = since >= 0 ? w().wall.upFor(span(since)) : w().wall.startsIn(span(-since));
      return { name: one.name, phase: one.phase_text, time };
    });
  }

  private draw(): void {
    const { devices } = this;
    if (!devices) return;
    const words = w().wall;
    refill(this.node, JSON.stringify([devices, lang()]), () => [
      el("div.h", null, words.devices),
      devices.length
        ? el(
            "ul",
            null,
            devices.map((device) => row(device, this.open)),
          )
        : el("p.mut", null, words.noDevices),
    ]);
  }
}

function row(device: Device, open: (device: Device) => void): HTMLElement {
  const words = w().wall;
  const [css, shape] = lookOfSight(device.sight);
  return el(
    "li",
    null,
    el("button.link", { type: "button", "aria-haspopup": "dialog", onclick: () => open(device) }, device.name),
    el("span.mut", null, words.kinds[device.kind] ?? device.kind),
    el("span", { className: css }, `${shape} ${device.sight_text}`.trim()),
    el("span.mut.num", null, device.since && words.since(clock(device.since))),
    el("span.num", null, device.connected > 0 && words.connected(device.connected)),
    device.alarms > 0 ? el("span.major", null, `▲ ${words.deviceAlarms(device.alarms)}`) : el("span"),
  );
}
