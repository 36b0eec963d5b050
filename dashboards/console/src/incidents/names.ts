// The names of venues, for what tells of them by their ids.

import { useEffect, useState } from "react";
import { get } from "../api/client.ts";

let asked: Promise<Map<string, string>> | null = null;

async function read(): Promise<Map<string, string>> {
  const inventory = (await get("/api/v1/inventory")) as unknown as {
    venues?: Record<string, { id: string; name: string }>;
  };
  return new Map(Object.values(inventory.venues ?? {}).map((venue) => [venue.id, venue.name]));
}

/** Says a venue's name; its id until names are known, or where they may not be read. */
export function useVenueNames(): (id: string) => string {
  const [names, setNames] = useState<Map<string, string>>(new Map());
  useEffect(() => {
    asked ??= read().catch(() => {
      asked = null;
      return new Map();
    });
    void asked.then(setNames);
  }, []);
  return (id) => names.get(id) ?? id;
}
