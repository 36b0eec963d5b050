// Styles of the component library as adopted style sheets: the content security policy forbids `<style>` elements,
// and sheets made by script are not inline. Stands in for two modules of the library with the same exports.

interface Options {
  attachTo?: unknown;
  mark?: string;
  prepend?: boolean | "queue";
  priority?: number;
}

interface Kept {
  key: string;
  rank: number;
  text: string;
  sheet: CSSStyleSheet;
  /** What the library holds as the element; it is never part of the page. */
  stand: HTMLStyleElement;
}

const kept: Kept[] = [];

const named = (key: string, options: Options) => `${options.mark ?? "rc-util-key"}:${key}`;

/** Tokens first, then parts by their priority, then what is appended. */
function rank(options: Options): number {
  if (options.prepend === "queue") return options.priority ?? 0;
  return options.prepend ? -1000 : 1000;
}

function adopt(): void {
  document.adoptedStyleSheets = kept.map((one) => one.sheet);
}

/** Puts rules under a key; the same key again replaces them. */
export function updateCSS(css: string, key: string, options: Options = {}): HTMLStyleElement {
  const name = named(key, options);
  const known = kept.find((one) => one.key === name);
  if (known) {
    if (known.text !== css) {
      known.text = css;
      known.sheet.replaceSync(css);
    }
    return known.stand;
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  const one = { key: name, rank: rank(options), text: css, sheet, stand: document.createElement("style") };
  const at = kept.findIndex((other) => other.rank > one.rank);
  kept.splice(at < 0 ? kept.length : at, 0, one);
  adopt();
  return one.stand;
}

/** Takes the rules of a key away. */
export function removeCSS(key: string, options: Options = {}): void {
  const at = kept.findIndex((one) => one.key === named(key, options));
  if (at < 0) return;
  kept.splice(at, 1);
  adopt();
}

let unnamed = 0;

/** Puts rules for good. */
export function injectCSS(css: string, options: Options = {}): HTMLStyleElement {
  unnamed += 1;
  return updateCSS(css, `unnamed-${unnamed}`, options);
}

/** There is no container here. */
export function clearContainerCache(): void {}

/** Whether an element stands in a shadow tree; ours never do. */
export function getShadowRoot(_: unknown): null {
  return null;
}

const warned = new Set<string>();

/** Says a warning of the library once. */
export function warningOnce(valid: boolean, message: string): void {
  if (valid || warned.has(message)) return;
  warned.add(message);
  console.error(message);
}
