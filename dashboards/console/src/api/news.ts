// That something changed, said by whoever hears it first: what is read by asking is then asked for at once, and not
// only when its time has come.

const listeners = new Set<() => void>();
/** A cause that several venues may share is waited for before it is told: news are worth asking about once more. */
const AGAIN = [0, 250, 600];
let last = 0;

function call(): void {
  for (const listener of listeners) listener();
}

/** Something changed. */
export function tellNews(): void {
  const now = performance.now();
  if (now - last < 500) return;
  last = now;
  for (const wait of AGAIN) window.setTimeout(call, wait);
}

/** Calls back at news; gives how to stop. */
export function onNews(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
