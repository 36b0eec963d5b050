// Small helpers over the DOM. Data reaches the page as text nodes and attributes only, never as markup.

/** Makes an element: `el("button.btn.go", { onclick }, "text", child)`. */
export function el(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = (node.className + " " + value).trim();
    else if (name in node && name !== "list" && name !== "form") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  add(node, children);
  return node;
}

/** Appends children; strings become text, empty ones are left out. */
export function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    node.append(child);
  }
  return node;
}

/** Replaces what a node holds. */
export function fill(node, ...children) {
  node.textContent = "";
  return add(node, children);
}

/** Replaces what a node holds only when `sign` differs from last time; keeps focus and selection otherwise. */
export function refill(node, sign, make) {
  if (node.vcSign === sign) return false;
  node.vcSign = sign;
  fill(node, make());
  return true;
}

/** An inline icon (fonts of the users' desktops lack such signs). */
export function icon(name) {
  const paths = {
    phone: "M4 1.5 6 1l1.5 3.5L6 6c.6 1.6 2 3.2 4 4l1.5-1.5L15 10l-.5 2.2c-.2.8-1 1.4-1.8 1.3C7 13 3 9 2.4 3.300 2.300 2.500 3 1.700 4 1.500z",
    done: "M2 8.500 6 12.500 14 3.500",
    ring: "M8 2.500a5.500 5.500 0 1 0 .01 0z",
  };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon " + name);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

/** Opens a modal dialog; resolves to what `done(value)` was called with, or `undefined` when it was dismissed. */
export function ask(title, build) {
  return new Promise((resolve) => {
    let value;
    const before = document.activeElement;
    const dialog = el("dialog.panel", { "aria-label": title });
    const done = (result) => { value = result; dialog.close(); };
    add(dialog, [el("h2.h", null, title), build(done)]);
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before && before.isConnected) before.focus();
      resolve(value);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
