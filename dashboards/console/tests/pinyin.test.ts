// Venues are found by the initials of their pinyin.

import { initials, meant } from "../src/words/pinyin.ts";
import { equal, holds } from "./hold.ts";

const NAMES: [string, string][] = [
  ["桂东县", "gdx"],
  ["北湖区", "bhq"],
  ["苏仙区", "sxq"],
  ["资兴市", "zxs"],
  ["宜章县", "yzx"],
  ["临武县", "lwx"],
  ["安仁县", "arx"],
  ["汝城县", "rcx"],
  ["嘉禾县", "jhx"],
  ["永兴县", "yxx"],
  ["市政府小礼堂", "szfxlt"],
  ["长沙市", "css"],
  ["MCU-1", "mcu-1"],
];

export const tests = {
  "initials of place names": () => {
    for (const [name, letters] of NAMES) equal(initials(name), letters, name);
  },
  "found by characters, initials, full-width letters, with spaces": () => {
    for (const typed of ["桂东", "gd", "GDX", "ｇｄｘ", " g d ", ""]) holds(meant("桂东县", typed), typed);
    for (const typed of ["桂西", "xd", "gdz"]) holds(!meant("桂东县", typed), typed);
  },
};
