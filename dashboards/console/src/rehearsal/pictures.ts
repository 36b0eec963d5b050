// Which stream shows a venue, for its picture beside the matrix. Only one that has a picture now is named.

import { useEffect, useState } from "react";
import { get } from "../api/client.ts";

interface VenueStream {
  id: string;
  name: string;
}

/** How long a list is good, milliseconds. */
const FRESH = 10_000;

let known: { at: number; streams: Promise<Map<string, VenueStream>> } | null = null;

async function read(): Promise<Map<string, VenueStream>> {
  const page = await get("/api/v1/streams");
  const shown = page.items.filter(
    (one) => one.venue && one.pictures && one.role === "venue" && one.state === "live" && one.picture_at,
  );
  return new Map(shown.map((one) => [one.venue ?? "", { id: one.id, name: one.name }]));
}

export function useVenueStream(venue: string): VenueStream | null {
  const [stream, setStream] = useState<VenueStream | null>(null);
  useEffect(() => {
    let gone = false;
    const look = () => {
      if (!known || Date.now() - known.at > FRESH) known = { at: Date.now(), streams: read().catch(() => new Map()) };
      void known.streams.then((all) => !gone && setStream(all.get(venue) ?? null));
    };
    look();
    const timer = window.setInterval(() => document.hidden || look(), FRESH);
    return () => {
      gone = true;
      window.clearInterval(timer);
    };
  }, [venue]);
  return stream;
}
