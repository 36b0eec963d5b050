// Where tiles sit: in fixed seats that people remember, or with what is wrong first; as large as lets all be seen.

import { rankOf } from "./stream.ts";
import type { Tile } from "./tile.ts";

export type Arrangement = "seats" | "troubles";

/** The narrowest tile on which anything is told apart, pixels. */
const SMALLEST = 88;
/** The same where not all can be seen at once anyway: fewer and larger, which old machines bear better as well. */
const SMALLEST_OF_MANY = 132;
/** More tiles than this are many. */
const MANY = 300;
/** Below this width a tile shows less. */
const SMALL = 190;
const GAP = 6;
const COLUMNS_MAX = 24;
const KEY = "vcops.seats";

export function keptArrangement(): Arrangement {
  try {
    return localStorage.getItem(KEY) === "troubles" ? "troubles" : "seats";
  } catch {
    return "seats";
  }
}

export function keepArrangement(arrangement: Arrangement): void {
  try {
    localStorage.setItem(KEY, arrangement);
  } catch {
    // Storage may be off.
  }
}

/** Tiles in the order in which they sit. */
export function ordered(order: string[], tiles: Map<string, Tile>, arrangement: Arrangement): Tile[] {
  const list = order.flatMap((id) => tiles.get(id) ?? []);
  if (arrangement === "seats") return list;
  // A stable sort: within a severity the seats stay.
  return list.sort((a, b) => rankOf(a.stream.severity) - rankOf(b.stream.severity));
}

/** How many columns let all tiles of a grid be seen, and how wide they are then. */
export function bestColumns(count: number, width: number, height: number): { columns: number; size: number } {
  let best = 1;
  let size = 0;
  for (let columns = 1; columns <= Math.min(count, COLUMNS_MAX); columns += 1) {
    const rows = Math.ceil(count / columns);
    const fits = Math.min(width / columns - GAP, ((height / rows - GAP) * 16) / 9);
    if (fits > size) {
      size = fits;
      best = columns;
    }
  }
  const smallest = count > MANY ? SMALLEST_OF_MANY : SMALLEST;
  if (size >= smallest) return { columns: best, size };
  // Smaller than this nothing is told apart: then the wall scrolls.
  const columns = Math.max(1, Math.floor(width / (smallest + GAP)));
  return { columns, size: width / columns - GAP };
}

/** Sizes a grid for its tiles. */
export function arrange(grid: HTMLElement, count: number): void {
  const { clientWidth: width, clientHeight: height } = grid;
  if (!count || !width || !height) return;
  const { columns, size } = bestColumns(count, width, height);
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${Math.floor(size)}px))`;
  grid.style.gridAutoRows = `${Math.floor((size * 9) / 16)}px`;
  grid.classList.toggle("small", size < SMALL);
}
