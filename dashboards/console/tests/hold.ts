// What tests say.

/** Fails unless it holds. */
export function holds(it: boolean, what: string): void {
  if (!it) throw new Error(what);
}

/** Fails unless both are the same as text. */
export function equal(found: unknown, expected: unknown, what = ""): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  holds(a === b, `${what ? `${what}: ` : ""}found ${a}, expected ${b}`);
}
