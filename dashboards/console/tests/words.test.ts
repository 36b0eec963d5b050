// Both languages say the same things, and each in its own characters.

import { en } from "../src/words/en/index.ts";
import { zh } from "../src/words/zh/index.ts";
import { equal, holds } from "./hold.ts";

type Tree = { [key: string]: unknown };

/** Paths to every word, functions included. */
function paths(tree: Tree, before = ""): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "object" && value !== null ? paths(value as Tree, `${before}${key}.`) : [`${before}${key}`],
  );
}

function wordAt(tree: Tree, path: string): unknown {
  return path.split(".").reduce<unknown>((node, key) => (node as Tree)[key], tree);
}

export const tests = {
  "the same keys": () => equal(paths(en).sort(), paths(zh).sort()),
  "the same parameters": () => {
    for (const path of paths(zh)) {
      const [a, b] = [wordAt(zh, path), wordAt(en, path)];
      equal(typeof a, typeof b, path);
      if (typeof a === "function" && typeof b === "function") holds(b.length <= a.length, path);
    }
  },
  "nothing is empty": () => {
    for (const tree of [zh, en]) for (const path of paths(tree)) holds(wordAt(tree, path) !== "", path);
  },
  "English has no Chinese characters": () => {
    for (const path of paths(en)) {
      const word = wordAt(en, path);
      if (path !== "frame.language" && typeof word === "string")
        holds(!/[\u4e00-\u9fff]/.test(word), `${path}: ${word}`);
    }
  },
};
