// What the browser must load: for the wall as little as may be, for the rest in pieces. Sizes are of gzip.

import { readFileSync } from "node:fs";

const dist = new URL("../dist/", import.meta.url);
const KIB = 1024;
/** First page and the wall 会中, with their styles. */
const WALL_MAX = 120 * KIB;
/** First page and the rehearsal 会前. */
const REHEARSAL_MAX = 130 * KIB;
/** Any one room with all that it needs. */
const ROOM_MAX = 520 * KIB;

const packed = (file) => readFileSync(new URL(`${file}.gz`, dist)).length;

/** All files that a piece needs before it can run. */
function needed(manifest, key, found = new Set()) {
  const piece = manifest[key];
  if (!piece || found.has(piece.file)) return found;
  found.add(piece.file);
  for (const style of piece.css ?? []) found.add(style);
  for (const other of piece.imports ?? []) needed(manifest, other, found);
  return found;
}

const weigh = (files) => [...files].reduce((sum, file) => sum + packed(file), 0);

export function budgets() {
  const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf8"));
  const room = (key) => needed(manifest, key, needed(manifest, "index.html"));
  const rooms = [
    ["src/wall/Wall.tsx", WALL_MAX],
    ["src/rehearsal/Rehearsal.tsx", REHEARSAL_MAX],
    ["src/incidents/After.tsx", ROOM_MAX],
    ["src/manage/Manage.tsx", ROOM_MAX],
  ];
  const over = [];
  for (const [key, most] of rooms) {
    if (!manifest[key]) throw new Error(`${key} is not a piece of its own`);
    const files = room(key);
    const size = weigh(files);
    console.log(`     ${key}: ${(size / KIB).toFixed(1)} KiB of ${most / KIB}`);
    if (size > most)
      over.push(`${key} needs ${(size / KIB).toFixed(1)} KiB, ${most / KIB} is the limit: ${[...files].join(", ")}`);
  }
  if (over.length) throw new Error(over.join("; "));
}
