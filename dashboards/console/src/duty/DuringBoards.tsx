// The pages of the room 会中: the wall, duty, plans.

import { hrefOf } from "../frame/route.ts";
import { useWords } from "../words/index.ts";

export function DuringBoards({ page }: { page: "" | "duty" | "plans" }) {
  const w = useWords();
  const names: ["" | "duty" | "plans", string][] = [
    ["", w.duty.wall],
    ["duty", w.duty.title],
    ["plans", w.plan.title],
  ];
  return (
    <nav className="boards" aria-label={w.frame.during}>
      {names.map(([one, name]) => (
        <a
          key={one}
          href={hrefOf("during", one)}
          className={one === page ? "on" : ""}
          aria-current={one === page ? "page" : undefined}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}
