// A region that scrolls and can be reached by the keyboard, so that those without a mouse can read to its end.

import type { ReactNode } from "react";

export function Scroll({ name, children, css = "scroll body" }: { name: string; children: ReactNode; css?: string }) {
  return (
    <section className={css} aria-label={name} tabIndex={0}>
      {children}
    </section>
  );
}
