// Importing an inventory: a file is compared with what is there, shown, and written whole or not at all.

import { Alert, Modal } from "antd";
import { useState } from "react";
import { Problem } from "../api/client.ts";
import { announce } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { Mistakes } from "./ItemDialog.tsx";
import { submit } from "./inventory.ts";
import { differences, type Inventory, type Item } from "./kinds.ts";

interface ImportProps {
  inventory: Inventory;
  read(): Promise<void>;
  close(): void;
}

export function ImportDialog({ inventory, read, close }: ImportProps) {
  const w = useWords();
  const [found, setFound] = useState<{ name: string; changes: { noun: string; item: Item }[] } | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const take = async (file: File | undefined) => {
    setProblem(null);
    setFound(null);
    if (!file) return;
    try {
      const read = JSON.parse(await file.text()) as Inventory;
      if (typeof read !== "object" || read === null || !("venues" in read || "meetings" in read))
        throw new Error(w.manage.importBad);
      setFound({ name: file.name, changes: differences(inventory, read) });
    } catch {
      setProblem(new Problem({ title: w.manage.importBad }, 400));
    }
  };
  const write = async () => {
    if (!found) return;
    try {
      const changes = found.changes.map(({ noun, item }) => ({ put: { [noun]: item } }));
      announce(w.manage.saved(await submit(inventory.version, changes, found.name)));
      await read();
      close();
    } catch (error) {
      if (error instanceof Problem) setProblem(error);
    }
  };
  return (
    <Modal
      open
      title={w.manage.importTitle}
      onCancel={close}
      okText={w.manage.importApply}
      okButtonProps={{ disabled: !found?.changes.length }}
      onOk={() => void write()}
    >
      <p>{w.manage.importText}</p>
      <label>
        <span>{w.manage.importFile}</span>
        <input type="file" accept=".json,application/json" onChange={(event) => void take(event.target.files?.[0])} />
      </label>
      {problem && <Mistakes problem={problem} w={w} />}
      {found && !found.changes.length && <Alert type="info" title={w.manage.importNothing} />}
      {found && found.changes.length > 0 && (
        <>
          <p>
            <b>{w.manage.importCount(found.changes.length)}</b>
          </p>
          <ul className="mistakes">
            {found.changes.slice(0, 60).map(({ noun, item }) => (
              <li key={`${noun} ${item.id}`}>
                <span className="mut">{noun}</span> {String(item.name ?? item.id)}
              </li>
            ))}
          </ul>
        </>
      )}
    </Modal>
  );
}
