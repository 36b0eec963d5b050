// English: the same keys as Chinese, or it does not compile.

import type { Words } from "../index.ts";
import { frame, sign } from "./frame.ts";
import { incident } from "./incident.ts";
import { manage } from "./manage.ts";
import { pass } from "./pass.ts";
import { duty, plan } from "./plan.ts";
import { rehearsal } from "./rehearsal.ts";
import { statistics } from "./statistics.ts";
import { wall } from "./wall.ts";

const verdicts: Words["verdicts"] = {
  pass: "pass",
  warn: "warn",
  fail: "fail",
  test_broke: "test broke",
  no_answer: "no answer",
  waived: "waived",
};

export const en: Words = { frame, sign, verdicts, rehearsal, wall, incident, plan, duty, pass, statistics, manage };
