// The room 会中: the hand-written wall, mounted into the page.

import { useEffect, useRef } from "react";
import { useSession } from "../frame/rights.ts";
import { useLang, useWords } from "../words/index.ts";
import { WallView } from "./view.ts";
import "./wall.css";

export default function Wall({ leave }: { leave(): void }) {
  const w = useWords();
  const lang = useLang();
  const { may } = useSession();
  const root = useRef<HTMLElement>(null);
  const allowed = may("rehearsal");
  const people = may("people");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the wall speaks one language all its life
  useEffect(() => {
    if (!root.current || !allowed) return;
    const wall = new WallView(root.current, { people, signedOut: leave });
    return () => wall.close();
  }, [allowed, people, leave, lang]);
  if (!allowed) {
    return (
      <main className="empty">
        <div className="panel note">
          <h2>{w.wall.noRight}</h2>
          <p className="mut">{w.frame.noRightText}</p>
        </div>
      </main>
    );
  }
  return <main className="live" ref={root} />;
}
