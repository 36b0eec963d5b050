// A modal dialog on the browser's own `<dialog>`: focus goes in, Escape closes, focus returns.

import { type FormEvent, type ReactNode, useEffect, useRef } from "react";
import { useWords } from "../words/index.ts";

interface DialogProps {
  title: string;
  close(): void;
  children: ReactNode;
  wide?: boolean;
}

export function Dialog({ title, close, children, wide }: DialogProps) {
  const node = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = node.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={node}
      className={wide ? "panel wide" : "panel"}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <h2 className="h">{title}</h2>
      {children}
    </dialog>
  );
}

interface FormProps {
  /** Called with what stands in the named fields. */
  done(value: (name: string) => string): void;
  close(): void;
  verb?: string;
  children: ReactNode;
  danger?: boolean;
}

/** The form inside a dialog, with its two buttons. */
export function DialogForm({ done, close, verb, children, danger }: FormProps) {
  const w = useWords();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    done((name) => String(data.get(name) ?? ""));
  };
  return (
    <form onSubmit={submit}>
      {children}
      <div className="actions">
        <button type="submit" className={danger ? "btn danger" : "btn go"}>
          {verb ?? w.frame.ok}
        </button>
        <button type="button" className="btn" onClick={close}>
          {w.frame.cancel}
        </button>
      </div>
    </form>
  );
}

/** A select with its label. */
export function Choice(props: { label: string; name: string; options: [string, string][]; value?: string }) {
  return (
    <label>
      <span>{props.label}</span>
      <select name={props.name} defaultValue={props.value}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
