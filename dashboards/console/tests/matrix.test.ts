// What the matrix draws: groups first, figures on demand, a shape with every colour.

import { type Cell, type Column, chosenCell, drawn, type Matrix, type Row, troubled } from "../src/rehearsal/matrix.ts";
import { zh } from "../src/words/zh/index.ts";
import { equal, holds } from "./hold.ts";

function cell(check: string, verdict: string | null, more: Partial<Cell> = {}): Cell {
  const words: Record<string, string> = { pass: "通过", fail: "不通过", warn: "告警", test_broke: "测试未完成" };
  const plain = {
    check,
    key: {},
    state: verdict ? "done" : "waiting",
    verdict,
    verdict_text: words[verdict ?? ""] ?? "",
  };
  return {
    ...plain,
    reason_text: "测试机离线",
    text: "",
    next_step: "",
    figures: {},
    shown: [],
    quality_text: "",
    attempt: 1,
    ...more,
  } as unknown as Cell;
}

const columns: Column[] = [
  { id: "presence", title: "到岗", kind: "presence" },
  { id: "path.primary.1", title: "主用线路", kind: "path" },
  { id: "room.led", title: "LED", kind: "room" },
  { id: "room.ups", title: "UPS", kind: "room" },
];

const row = (cells: (Cell | null)[], because: number | null = null): Row =>
  ({ venue: "east", name: "东", main: false, verdict: null, verdict_text: "等待", because, cells }) as Row;

const matrixOf = (rows: Row[]) => ({ columns, rows }) as unknown as Matrix;

const lossy = cell("path:a", "fail", {
  reason: "loss",
  figures: { loss_to_venue_pct: 4.2, loss_from_venue_pct: 0, rtt_p50_ms: 19 },
});

export const tests = {
  "groups are one column until they are opened": () => {
    const matrix = matrixOf([]);
    equal(
      drawn(matrix, new Set(), zh).map((one) => one.id),
      ["venue", "verdict", "presence", "path.primary.1", "room"],
    );
    const open = drawn(matrix, new Set(["path.primary.1", "room"]), zh).map((one) => one.id);
    equal(open.slice(3), [
      "path.primary.1",
      "path.primary.1.loss",
      "path.primary.1.jitter",
      "path.primary.1.rtt",
      "room",
      "room.led",
      "room.ups",
    ]);
  },
  "the figure that is the reason is strong": () => {
    const [, , , path, loss, jitter, rtt] = drawn(matrixOf([]), new Set(["path.primary.1"]), zh).map((one) =>
      one.show(row([null, lossy, null, null])),
    );
    equal(path, { text: "◆ 不通过", tone: "urgent", ground: "bg-urgent" });
    equal(loss, { text: "4.2 / 0.0", tone: "urgent", strong: true });
    equal([jitter?.text, rtt?.text, rtt?.strong], ["–", "19.0", false]);
  },
  "a test that broke says why, in its own colour": () => {
    const shown = drawn(matrixOf([]), new Set(), zh)[3]?.show(row([null, cell("path:a", "test_broke"), null, null]));
    equal(shown, { text: "? 测试机离线", tone: "broke", ground: "bg-broke" });
  },
  "manual items as one": () => {
    const room = drawn(matrixOf([]), new Set(), zh)[4];
    equal(room?.show(row([null, null, cell("room:led", "pass"), cell("room:ups", null)])).text, "1 / 2");
    equal(room?.show(row([null, null, cell("room:led", "pass"), cell("room:ups", "fail")])).ground, "bg-urgent");
  },
  "the venue beside shows the worst of what is asked for": () => {
    const bad = cell("room:ups", "fail");
    const one = row([cell("presence", "pass"), lossy, cell("room:led", "pass"), bad], 1);
    equal(chosenCell(one, [2, 3])?.check, bad.check);
    equal(chosenCell(one, null)?.check, lossy.check);
    holds(troubled(one), "a venue with a bad cell needs somebody");
    holds(!troubled(row([cell("presence", "pass"), null, null, null])), "one without does not");
  },
};
