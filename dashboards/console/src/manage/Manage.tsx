// The room 管理: its pages by the rights of who looks.

import { type ReactNode, useEffect, useState } from "react";
import { get } from "../api/client.ts";
import { type Right, useSession } from "../frame/rights.ts";
import { hrefOf, useRoute } from "../frame/route.ts";
import { Kit } from "../kit/Kit.tsx";
import { useWords } from "../words/index.ts";
import { Agents } from "./Agents.tsx";
import { InventoryPage } from "./InventoryPage.tsx";
import { Journal } from "./Journal.tsx";
import { MAPS } from "./kinds.ts";
import { System } from "./System.tsx";
import { Users } from "./Users.tsx";
import "./manage.css";

type Group = "assets" | "people" | "system";

interface Entry {
  name: string;
  group: Group;
  right: Right | null;
  page: ReactNode;
}

const ENTRIES: Entry[] = [
  ...MAPS.map(
    (map): Entry => ({ name: map, group: "assets", right: "inventory", page: <InventoryPage key={map} map={map} /> }),
  ),
  { name: "agents", group: "assets", right: "inventory", page: <Agents /> },
  { name: "users", group: "people", right: "users", page: <Users /> },
  { name: "journal", group: "system", right: "journal", page: <Journal /> },
  { name: "system", group: "system", right: null, page: <System /> },
];

export default function Manage() {
  const w = useWords();
  const { may } = useSession();
  const route = useRoute();
  const allowed = ENTRIES.filter((entry) => !entry.right || may(entry.right));
  const entry = allowed.find((one) => one.name === route.page) ?? allowed[0];
  const groups: Group[] = ["assets", "people", "system"];
  return (
    <Kit>
      <main className="manage">
        <nav className="panel pages" aria-label={w.manage.title}>
          {groups.map((group) => {
            const own = allowed.filter((one) => one.group === group);
            return own.length === 0 ? null : (
              <div key={group}>
                <h2 className="mut s">{w.manage.groups[group]}</h2>
                {own.map((one) => (
                  <a
                    key={one.name}
                    href={hrefOf("manage", one.name)}
                    className={one === entry ? "on" : ""}
                    aria-current={one === entry ? "page" : undefined}
                  >
                    {w.manage.pages[one.name as keyof typeof w.manage.pages]}
                  </a>
                ))}
              </div>
            );
          })}
        </nav>
        <section className="panel page">{entry?.page}</section>
      </main>
    </Kit>
  );
}

/** The regions that grants and items may name: id and shown name. */
export function useRegions(): { id: string; name: string }[] {
  const { session, may } = useSession();
  const [regions, setRegions] = useState<{ id: string; name: string }[]>([]);
  const allowed = may("inventory");
  useEffect(() => {
    if (!allowed) return;
    get("/api/v1/inventory").then(
      (answer) =>
        setRegions(
          Object.values((answer as unknown as { regions: Record<string, { id: string; name: string }> }).regions),
        ),
      () => null,
    );
  }, [allowed]);
  if (regions.length) return regions;
  return session.grants.flatMap((grant) => (grant.region ? [{ id: grant.region, name: grant.region_text }] : []));
}
