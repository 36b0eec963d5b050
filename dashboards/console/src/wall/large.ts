// The large pictures: main hall, content 辅流, and the fault that matters most now. An option; the seats stay below.

import { w } from "../words/index.ts";
import { el } from "./dom.ts";
import { rankOf, type Stream } from "./stream.ts";
import { Tile } from "./tile.ts";

const KEY = "vcops.large";

interface Place {
  node: HTMLElement;
  tile: Tile | null;
  pick(streams: Stream[]): Stream | undefined;
}

const worst = (streams: Stream[]) =>
  streams.filter((stream) => rankOf(stream.severity) < 3).sort((a, b) => rankOf(a.severity) - rankOf(b.severity))[0];

export class Large {
  readonly node = el("section.large", { "aria-label": w().wall.large });
  on = false;
  private readonly places: Place[];

  constructor(private readonly open: (id: string) => void) {
    const words = w().wall;
    const place = (title: string, none: string, pick: Place["pick"]): Place => {
      const node = el("div.place", null, el("span.title", null, title), el("span.none", null, none));
      this.node.append(node);
      return { node, tile: null, pick };
    };
    const byRole = (role: string) => (streams: Stream[]) => streams.find((stream) => stream.role === role);
    const main = (streams: Stream[]) => byRole("main_hall")(streams) ?? streams.find((stream) => stream.main);
    this.places = [
      place(words.largeMain, words.largeNone, main),
      place(words.largeContent, words.largeNone, byRole("content")),
      place(words.largeFault, words.noFault, worst),
    ];
    let kept = false;
    try {
      kept = localStorage.getItem(KEY) === "1";
    } catch {
      // Storage may be off.
    }
    this.turn(kept);
  }

  turn(on: boolean): void {
    this.on = on;
    this.node.hidden = !on;
    try {
      localStorage.setItem(KEY, on ? "1" : "0");
    } catch {
      // Storage may be off.
    }
  }

  /** Streams that are shown large. */
  ids(): string[] {
    return this.on ? this.places.flatMap((place) => place.tile?.id ?? []) : [];
  }

  /** Shows what belongs there now; tells whether another stream came in. */
  show(streams: Stream[], now: number): boolean {
    if (!this.on) return false;
    let changed = false;
    for (const place of this.places) {
      const stream = place.pick(streams);
      if (place.tile?.id !== stream?.id) {
        changed = true;
        place.tile?.node.remove();
        place.tile = stream ? new Tile(stream.id, (tile) => this.open(tile.id)) : null;
        if (place.tile && stream) {
          place.tile.stream = stream;
          place.tile.show(true);
          place.node.append(place.tile.node);
        }
      }
      if (place.tile && stream) place.tile.take(stream);
      place.tile?.tick(now);
    }
    return changed;
  }

  picture(id: string, at: number, image: ImageBitmap): void {
    for (const place of this.places) if (place.tile?.id === id) place.tile.draw(at, image);
  }

  level(id: string, rms: number | null, peak: number | null, clipped: boolean): void {
    for (const place of this.places) if (place.tile?.id === id) place.tile.level(rms, peak, clipped);
  }
}
