// One kind of things in the inventory: a list to find, look at, change, add to, export and import.

import { Button, Popconfirm, Space, Table, type TableColumnsType } from "antd";
import { useMemo, useState } from "react";
import { useSession } from "../frame/rights.ts";
import { announce, run } from "../frame/told.ts";
import { lang, useWords, type Words } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { dayClock } from "../words/time.ts";
import { ImportDialog } from "./ImportDialog.tsx";
import { ItemDialog } from "./ItemDialog.tsx";
import { submit, useInventory } from "./inventory.ts";
import {
  type Field,
  type Inventory,
  type Item,
  itemsOf,
  KINDS,
  type MapName,
  shownName,
  textOf,
  titleOf,
} from "./kinds.ts";

/** Rows on one page of a table. */
const PAGE = 50;

export function InventoryPage({ map }: { map: MapName }) {
  const w = useWords();
  const { may } = useSession();
  const [inventory, read] = useInventory();
  const [typed, setTyped] = useState("");
  const [editing, setEditing] = useState<Item | "new" | null>(null);
  const [importing, setImporting] = useState(false);
  const kind = KINDS[map];
  const all = useMemo(() => (inventory ? itemsOf(inventory, map) : []), [inventory, map]);
  const shown = useMemo(() => all.filter((item) => meant(`${titleOf(item, lang())} ${item.id}`, typed)), [all, typed]);
  if (!inventory) return <div className="body" aria-busy="true" />;
  const change = may("change");
  const remove = async (item: Item) => {
    const name = titleOf(item, lang());
    const done = await run(submit(inventory.version, [{ remove: { [kind.noun]: item.id } }], `console: ${map}`));
    if (done) announce(w.manage.removed(name));
    await read();
  };
  return (
    <>
      <div className="head">
        <h1>{w.manage.pages[map]}</h1>
        <span className="mut num">{w.manage.count(shown.length, all.length)}</span>
        <input
          type="search"
          aria-label={w.frame.search}
          placeholder={w.frame.searchHint}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <span className="mut s num">{w.manage.version(inventory.version)}</span>
        <Space className="to-right">
          <Button onClick={() => download(inventory)}>{w.manage.export}</Button>
          {change && <Button onClick={() => setImporting(true)}>{w.manage.import}</Button>}
          {change && (
            <Button type="primary" onClick={() => setEditing("new")}>
              {w.manage.add}
            </Button>
          )}
        </Space>
      </div>
      <div className="body">
        <Table<Item>
          rowKey="id"
          size="small"
          dataSource={shown}
          columns={columnsOf(map, inventory, w, (item) => (
            <Space>
              <Button
                type="link"
                aria-label={`${change ? w.manage.edit : w.manage.view} ${titleOf(item, lang())}`}
                onClick={() => setEditing(item)}
              >
                {change ? w.manage.edit : w.manage.view}
              </Button>
              {change && (
                <Popconfirm
                  title={w.manage.removeAsk(titleOf(item, lang()))}
                  okText={w.manage.remove}
                  onConfirm={() => remove(item)}
                >
                  <Button type="link" danger aria-label={`${w.manage.remove} ${titleOf(item, lang())}`}>
                    {w.manage.remove}
                  </Button>
                </Popconfirm>
              )}
            </Space>
          ))}
          pagination={shown.length > PAGE ? { pageSize: PAGE, showSizeChanger: false } : false}
          scroll={{ x: "max-content" }}
        />
      </div>
      {editing && (
        <ItemDialog
          map={map}
          inventory={inventory}
          item={editing === "new" ? null : editing}
          read={read}
          close={() => setEditing(null)}
          readOnly={!change}
        />
      )}
      {importing && <ImportDialog inventory={inventory} read={read} close={() => setImporting(false)} />}
    </>
  );
}

function download(inventory: Inventory): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(inventory, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `vcops-inventory-${inventory.version}.json`;
  link.click();
  URL.revokeObjectURL(url);
}

function columnsOf(
  map: MapName,
  inventory: Inventory,
  w: Words,
  actions: (item: Item) => React.ReactNode,
): TableColumnsType<Item> {
  const kind = KINDS[map];
  const first = {
    title: w.manage.fields.name,
    key: "name",
    fixed: "left" as const,
    sorter: (a: Item, b: Item) => titleOf(a, lang()).localeCompare(titleOf(b, lang()), "zh-Hans-CN"),
    render: (_: unknown, item: Item) => (
      <>
        <b>{titleOf(item, lang())}</b> {titleOf(item, lang()) !== item.id && <span className="mut s">{item.id}</span>}
      </>
    ),
  };
  const others = kind.columns.map((column) => ({
    title: w.manage.fields[column] ?? column,
    key: column,
    render: (_: unknown, item: Item) =>
      shownValue(
        item[column],
        kind.fields.find((field) => field.name === column),
        inventory,
        w,
      ),
  }));
  const last = {
    title: "",
    key: "actions",
    fixed: "right" as const,
    render: (_: unknown, item: Item) => actions(item),
  };
  return [first, ...others, last];
}

/** A field's value as people read it. */
export function shownValue(value: unknown, field: Field | undefined, inventory: Inventory, w: Words): string {
  if (value === null || value === undefined || value === "") return w.frame.none;
  if (field?.as === "ref") return shownName(inventory, field.to, String(value)) ?? w.manage.unknown(String(value));
  if (field?.as === "time") return dayClock(String(value));
  if (field?.as === "yes" || typeof value === "boolean")
    return value ? (w.manage.values.yes ?? "") : (w.manage.values.no ?? "");
  const text = textOf(value, lang());
  if (text !== null) return text;
  if (Array.isArray(value)) return list(value, field, inventory, w);
  if (typeof value === "object")
    return Object.keys(value)
      .map((key) => w.manage.values[key] ?? key)
      .join(w.frame.and);
  return w.manage.values[String(value)] ?? String(value);
}

function list(value: unknown[], field: Field | undefined, inventory: Inventory, w: Words): string {
  if (!value.length) return w.frame.none;
  if (field?.as === "many") return value.map((one) => w.manage.values[String(one)] ?? String(one)).join(w.frame.and);
  if (field?.as === "refs") {
    const names = value.map((id) => shownName(inventory, field.to, String(id)) ?? String(id));
    return names.length > 3 ? `${names.slice(0, 3).join(w.frame.and)} … ${names.length}` : names.join(w.frame.and);
  }
  return String(value.length);
}
