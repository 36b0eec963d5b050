// Making and patching plain elements. Text is always text: nothing from outside is ever parsed as HTML.

type Child = Node | string | number | false | null | undefined | Child[];
type Properties = Record<string, unknown>;

/** `el("td.verdict", { onclick }, "text", other)`: an element with classes, properties and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  what: K | `${K}.${string}`,
  properties?: Properties | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag as K);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value as EventListener);
    else if (key in node && !key.startsWith("aria")) (node as unknown as Properties)[key] = value;
    else node.setAttribute(key, String(value));
  }
  add(node, children);
  return node;
}

function add(node: Node, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(node, child);
    else node.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replaces what is inside. */
export function fill(node: Element, ...children: Child[]): void {
  node.replaceChildren();
  add(node, children);
}

const signs = new WeakMap<Element, string>();

/** Replaces what is inside only when `sign` has changed: keeps focus and selection otherwise. */
export function refill(node: Element, sign: string, make: () => Child[]): boolean {
  if (signs.get(node) === sign) return false;
  signs.set(node, sign);
  fill(node, make());
  return true;
}

/** The next `refill` takes place whatever its sign. */
export function forget(node: Element): void {
  signs.delete(node);
}

const PHONE =
  "M4 1.5 6 1l1.5 3.5L6 6c.6 1.6 2 3.2 4 4l1.5-1.5L15 10l-.5 2.2c-.2.8-1 1.4-1.8 1.3C7 13 3 9 2.4 3.3 2.3 2.5 3 1.7 4 1.5z";

/** A telephone as an inline picture. */
export function phone(): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon phone");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PHONE);
  svg.append(path);
  return svg;
}
