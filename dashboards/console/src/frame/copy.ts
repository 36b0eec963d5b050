// Copying a text. Browsers give no clipboard to a page over plain http, so a field that is selected does it.

/** Whether it worked. */
export function copyText(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  field.setAttribute("aria-hidden", "true");
  // A modal dialog takes the focus back from whatever lies outside it.
  const place = document.querySelector("dialog[open]") ?? document.body;
  place.append(field);
  field.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    // Some browsers throw instead of answering.
  }
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
