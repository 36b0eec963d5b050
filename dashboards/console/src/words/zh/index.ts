// Chinese, the source of all words.

import { frame, sign } from "./frame.ts";
import { incident } from "./incident.ts";
import { manage } from "./manage.ts";
import { pass } from "./pass.ts";
import { duty, plan } from "./plan.ts";
import { rehearsal } from "./rehearsal.ts";
import { statistics } from "./statistics.ts";
import { wall } from "./wall.ts";

const verdicts = {
  pass: "通过",
  warn: "告警",
  fail: "不通过",
  test_broke: "测试未完成",
  no_answer: "未应答",
  waived: "免测",
};

export const zh = { frame, sign, verdicts, rehearsal, wall, incident, plan, duty, pass, statistics, manage };
