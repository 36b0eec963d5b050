// What kinds of things the inventory holds, and how each is shown and edited. Whatever a form does not list is kept.

export interface Item {
  id: string;
  [field: string]: unknown;
}

export interface Inventory {
  version: number;
  [map: string]: unknown;
}

/** Maps of the inventory; also the pages. */
export const MAPS = [
  "meetings",
  "venues",
  "links",
  "streams",
  "mcus",
  "endpoints",
  "equipment",
  "profiles",
  "regions",
  "trunks",
  "carriers",
  "plans",
  "shifts",
  "people",
] as const;
export type MapName = (typeof MAPS)[number];

export type Field =
  | { name: string; as: "text"; required?: boolean }
  | { name: string; as: "number" }
  | { name: string; as: "time"; required?: boolean }
  | { name: string; as: "yes" }
  | { name: string; as: "one"; of: string[]; required?: boolean }
  | { name: string; as: "ref"; to: MapName; required?: boolean }
  | { name: string; as: "refs"; to: MapName; required?: boolean }
  | { name: string; as: "many"; of: string[] };

export interface Kind {
  /** The word for one in a change. */
  noun: string;
  fields: Field[];
  /** Columns of the table; the name comes first by itself. */
  columns: string[];
  /** What a new one starts with. */
  start?: Record<string, unknown>;
}

const name: Field = { name: "name", as: "text", required: true };
const region: Field = { name: "region", as: "ref", to: "regions", required: true };
const network: Field = { name: "network", as: "one", of: ["intranet", "extranet", "internet", "vpdn"], required: true };
const ref = (field: string, to: MapName, required = false): Field => ({ name: field, as: "ref", to, required });
const one = (field: string, of: string[], required = false): Field => ({ name: field, as: "one", of, required });
const text = (field: string, required = false): Field => ({ name: field, as: "text", required });

export const KINDS: Record<MapName, Kind> = {
  meetings: {
    noun: "meeting",
    fields: [
      name,
      region,
      { name: "starts", as: "time", required: true },
      { name: "ends", as: "time", required: true },
      one("class", ["general", "important", "no_retention"]),
      one("owner", ["own", "superior"]),
      network,
      ref("profile", "profiles", true),
      ref("main_venue", "venues", true),
      { name: "venues", as: "refs", to: "venues", required: true },
      ref("mcu", "mcus"),
      ref("standby_mcu", "mcus"),
      { name: "automatic_rounds", as: "yes" },
    ],
    columns: ["starts", "ends", "class", "owner", "profile", "main_venue", "venues", "mcu"],
    start: { class: "general", owner: "own", automatic_rounds: true, venues: [] },
  },
  venues: {
    noun: "venue",
    fields: [name, region, one("consent", ["each_time", "standing"])],
    columns: ["region", "consent", "contacts"],
    start: { consent: "each_time" },
  },
  links: {
    noun: "link",
    fields: [
      name,
      ref("venue", "venues", true),
      one("kind", ["leased", "vpn", "cellular4g", "cellular5g", "isdn"], true),
      one("role", ["primary", "backup"], true),
      network,
      ref("trunk", "trunks"),
      ref("carrier", "carriers"),
      { name: "rate_kbps", as: "number" },
      text("reflector"),
      text("hub_address"),
    ],
    columns: ["venue", "role", "kind", "network", "trunk", "carrier", "rate_kbps", "reflector"],
  },
  streams: {
    noun: "stream",
    fields: [
      name,
      one("role", ["venue", "mix", "content", "main_hall", "recorder", "output"], true),
      ref("venue", "venues"),
      ref("mcu", "mcus"),
      one("picture", ["camera", "slides", "none"]),
      one("sound", ["expected", "optional", "none"]),
    ],
    columns: ["role", "venue", "mcu", "source", "watcher", "picture", "sound"],
  },
  mcus: {
    noun: "mcu",
    fields: [name, region, text("model", true), network],
    columns: ["region", "model", "network", "control"],
  },
  endpoints: {
    noun: "endpoint",
    fields: [
      name,
      ref("venue", "venues", true),
      one("protocol", ["sip", "h323"], true),
      text("address", true),
      text("model"),
    ],
    columns: ["venue", "protocol", "address", "model", "control"],
  },
  equipment: {
    noun: "equipment",
    fields: [
      name,
      region,
      ref("venue", "venues"),
      one("kind", ["ups", "air_conditioning", "sensor", "server", "generator", "recorder", "other"], true),
    ],
    columns: ["region", "venue", "kind", "control"],
  },
  profiles: {
    noun: "profile",
    fields: [
      name,
      { name: "rate_kbps", as: "number" },
      { name: "height", as: "number" },
      { name: "content", as: "yes" },
      {
        name: "room",
        as: "many",
        of: [
          "network_control",
          "public_address",
          "lighting",
          "discussion",
          "display_camera",
          "led",
          "ups",
          "spares",
          "materials",
        ],
      },
      { name: "confirm", as: "many", of: ["picture", "sound", "echo", "framing", "banner", "background"] },
    ],
    columns: ["rate_kbps", "height", "room", "confirm"],
  },
  regions: { noun: "region", fields: [name, ref("parent", "regions")], columns: ["parent"] },
  trunks: {
    noun: "trunk",
    fields: [name, ref("parent", "trunks"), ref("carrier", "carriers"), { name: "rate_kbps", as: "number" }],
    columns: ["parent", "carrier", "rate_kbps"],
  },
  carriers: { noun: "carrier", fields: [name, text("fault_desk")], columns: ["fault_desk"] },
  plans: {
    noun: "plan",
    fields: [{ name: "disabled", as: "yes" }],
    columns: ["version", "steps", "review", "disabled"],
  },
  shifts: {
    noun: "shift",
    fields: [region, { name: "operators", as: "refs", to: "people", required: true }, ref("leader", "people")],
    columns: ["region", "window", "operators", "leader"],
  },
  people: { noun: "person", fields: [region], columns: ["region"] },
};

/** The items of a map. */
export function itemsOf(inventory: Inventory, map: MapName): Item[] {
  return Object.values((inventory[map] ?? {}) as Record<string, Item>);
}

/** A text in both languages, where the inventory keeps one. */
const textIn = (value: unknown, lang: "zh" | "en"): string | null =>
  typeof value === "object" && value !== null && "zh" in value && "en" in value
    ? String((value as Record<string, unknown>)[lang])
    : null;

/** What an item is called: its name, or its title in the reader's language, or its id. */
export const titleOf = (item: Item, lang: "zh" | "en"): string =>
  textIn(item.title, lang) ?? String(item.name ?? item.id);

/** A value in words, where it is a text in both languages. */
export const textOf = textIn;

/** An item's shown name. */
export function shownName(inventory: Inventory, map: MapName, id: string): string | null {
  const found = ((inventory[map] ?? {}) as Record<string, Item>)[id];
  return found ? String(found.name ?? found.id) : null;
}

/** What a file would change: items that differ from what is there. */
export function differences(now: Inventory, file: Inventory): { noun: string; item: Item }[] {
  return MAPS.flatMap((map) => {
    const known = (now[map] ?? {}) as Record<string, Item>;
    return itemsOf(file, map)
      .filter((item) => JSON.stringify(item) !== JSON.stringify(known[item.id]))
      .map((item) => ({ noun: KINDS[map].noun, item }));
  });
}
