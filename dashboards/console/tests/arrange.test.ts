// All tiles at once, as large as may be; when they would be too small to tell apart, the wall scrolls.

import { bestColumns } from "../src/wall/arrange.ts";
import { equal, holds } from "./hold.ts";

export const tests = {
  "everything fits": () => {
    for (const [count, width, height] of [
      [1, 1460, 900],
      [12, 1460, 900],
      [13, 950, 600],
      [100, 1460, 900],
      [100, 1000, 640],
    ] as const) {
      const { columns, size } = bestColumns(count, width, height);
      const rows = Math.ceil(count / columns);
      holds(columns * (size + 6) <= width + 1, `${count} in ${width}: ${columns} columns of ${size}`);
      holds(rows * ((size * 9) / 16 + 6) <= height + 1, `${count} in ${height}: ${rows} rows`);
    }
  },
  "three thousand scroll, and stay wide enough": () => {
    const { columns, size } = bestColumns(3000, 1460, 900);
    equal(columns, Math.floor(1460 / 138));
    holds(size >= 132, `${size}`);
  },
};
