// Those who come with a link instead of an account, and the password once more.

import type { pass as passZh } from "../zh/pass.ts";

export const pass: typeof passZh = {
  wallboard: "Wallboard",
  checklist: "Checklist",
  noRound: "The rehearsal has not begun.",
  test: "Test this venue's lines",
  inOrder: "In order",
  faulty: "Faulty",
  notThere: "Not there",
  note: "What was found (write first, then press)",
  proof: "The password once more",
  proofText: "This disturbs a meeting or changes who may do what. It is not asked for again within ten minutes.",
};
