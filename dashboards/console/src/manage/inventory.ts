// Reading and changing the inventory. A change names the version that it was made against, so that two people who
// edit at once do not undo each other.

import { useCallback, useEffect, useState } from "react";
import { get, post } from "../api/client.ts";
import type { Inventory, Item } from "./kinds.ts";

export type Change = { put: Record<string, Item> } | { remove: Record<string, string> };

/** The inventory, and reading it anew. */
export function useInventory(): [Inventory | null, () => Promise<void>] {
  const [inventory, setInventory] = useState<Inventory | null>(null);
  const read = useCallback(async () => {
    const answer = await get("/api/v1/inventory").catch(() => null);
    if (answer) setInventory(answer as unknown as Inventory);
  }, []);
  useEffect(() => void read(), [read]);
  return [inventory, read];
}

/** Submits changes, all or nothing; gives the version after them. */
export async function submit(base: number, changes: Change[], origin: string): Promise<number> {
  const answer = await post("/api/v1/inventory", { base, changes: changes as never, origin });
  return answer.version;
}
