// Makes `generated/openapi.ts`, the client's types, from the checked-in `openapi.json`, which a test of the daemon
// holds to what its handlers say. `VCOPS_BLESS=1 cargo test --test it -- openapi_snapshot` writes that file anew.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const home = new URL("../", import.meta.url);
const document = JSON.parse(readFileSync(new URL("openapi.json", home), "utf8"));
const tree = await openapiTS(document, { alphabetize: true, defaultNonNullable: false, emptyObjectsUnknown: true });
mkdirSync(new URL("generated/", home), { recursive: true });
writeFileSync(
  new URL("generated/openapi.ts", home),
  `// Made by scripts/types.mjs from openapi.json.\n${astToString(tree)}`,
);
