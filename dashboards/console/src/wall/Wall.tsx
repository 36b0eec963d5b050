// The room 会中: the hand-written wall, mounted into the page, and what opens over it.

import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { DuringBoards } from "../duty/DuringBoards.tsx";
import { useSession } from "../frame/rights.ts";
import { useLang, useWords } from "../words/index.ts";
import type { Device } from "./health.ts";
import { WallView } from "./view.ts";
import "./wall.css";

const Alarms = lazy(() => import("../incidents/Alarms.tsx"));
const DeviceDialog = lazy(() => import("./DeviceDialog.tsx"));

export default function Wall({ leave }: { leave(): void }) {
  const w = useWords();
  const lang = useLang();
  const { may } = useSession();
  const root = useRef<HTMLElement>(null);
  const [device, setDevice] = useState<Device | null>(null);
  const [slot, setSlot] = useState<HTMLElement | null>(null);
  const [boards, setBoards] = useState<HTMLElement | null>(null);
  const allowed = may("rehearsal");
  const people = may("people");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the wall speaks one language all its life
  useEffect(() => {
    if (!root.current || !allowed) return;
    const wall = new WallView(root.current, { people, signedOut: leave, open: setDevice });
    setSlot(wall.slot);
    setBoards(wall.boards);
    return () => {
      setSlot(null);
      setBoards(null);
      wall.close();
    };
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
  return (
    <>
      <main className="live" ref={root} />
      {boards && createPortal(<DuringBoards page="" />, boards)}
      <Suspense>{slot && createPortal(<Alarms />, slot)}</Suspense>
      <Suspense>{device && <DeviceDialog device={device} close={() => setDevice(null)} />}</Suspense>
    </>
  );
}
