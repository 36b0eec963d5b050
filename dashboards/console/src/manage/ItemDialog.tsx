// One item: a form for what people change, and all of it as JSON. Saved against the version that was looked at.

import { Alert, Button, DatePicker, Form, Input, InputNumber, Modal, Select, Switch, Tabs } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { type ReactNode, useState } from "react";
import { Problem } from "../api/client.ts";
import { announce } from "../frame/told.ts";
import { lang, useWords, type Words } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { submit } from "./inventory.ts";
import { type Field, type Inventory, type Item, itemsOf, KINDS, type MapName, titleOf } from "./kinds.ts";
import { PlanSteps } from "./PlanSteps.tsx";

interface ItemProps {
  map: MapName;
  inventory: Inventory;
  /** `null`: a new one. */
  item: Item | null;
  read(): Promise<void>;
  close(): void;
  readOnly: boolean;
}

type View = "form" | "json" | "steps";

export function ItemDialog({ map, inventory, item, read, close, readOnly }: ItemProps) {
  const w = useWords();
  const kind = KINDS[map];
  const [form] = Form.useForm<Record<string, unknown>>();
  const [view, setView] = useState<View>(
    map === "plans" && item ? "steps" : !item && ["shifts", "plans"].includes(map) ? "json" : "form",
  );
  const [json, setJson] = useState(() => JSON.stringify(item ?? { id: "", ...KINDS[map].start }, null, 2));
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const base = item ?? ({ id: "", ...KINDS[map].start } as Item);

  const merged = (): Item =>
    view === "json" ? (JSON.parse(json) as Item) : fromForm(kind.fields, base, form.getFieldsValue(true));
  const turn = (next: string) => {
    if (next === "json") setJson(JSON.stringify(merged(), null, 2));
    setView(next as View);
  };
  const save = async () => {
    if (view === "form") await form.validateFields();
    setBusy(true);
    try {
      const version = await submit(inventory.version, [{ put: { [kind.noun]: merged() } }], `console: ${map}`);
      announce(w.manage.saved(version));
      await read();
      close();
    } catch (error) {
      const bad =
        error instanceof Problem ? error : new Problem({ title: w.manage.badJson, detail: String(error) }, 400);
      // What is told can be acted on at once.
      if (bad.code === "stale_version") await read();
      setProblem(bad);
    } finally {
      setBusy(false);
    }
  };
  const title = item ? `${w.manage.pages[map]} · ${titleOf(item, lang())}` : `${w.manage.add} · ${w.manage.pages[map]}`;
  return (
    <Modal
      open
      title={title}
      width={640}
      onCancel={close}
      footer={readOnly ? <Button onClick={close}>{w.frame.close}</Button> : undefined}
      okText={w.frame.save}
      confirmLoading={busy}
      onOk={() => void save().catch(() => null)}
      destroyOnHidden
    >
      {problem && <Mistakes problem={problem} w={w} />}
      <Tabs
        size="small"
        activeKey={view}
        onChange={turn}
        items={[
          ...(map === "plans" && item
            ? [{ key: "steps", label: w.manage.plan.steps, children: <PlanSteps plan={item} /> }]
            : []),
          {
            key: "form",
            label: w.manage.asForm,
            children: (
              <Form
                form={form}
                layout="horizontal"
                labelCol={{ span: 6 }}
                disabled={readOnly}
                initialValues={toForm(kind.fields, base)}
              >
                <Form.Item
                  name="id"
                  label={w.manage.id}
                  extra={item ? undefined : w.manage.idHint}
                  rules={[{ required: true, message: w.manage.required }]}
                >
                  <Input disabled={item !== null} autoComplete="off" spellCheck={false} />
                </Form.Item>
                {kind.fields.map((field) => (
                  <Form.Item
                    key={field.name}
                    name={field.name}
                    label={w.manage.fields[field.name] ?? field.name}
                    valuePropName={field.as === "yes" ? "checked" : "value"}
                    rules={
                      "required" in field && field.required ? [{ required: true, message: w.manage.required }] : []
                    }
                  >
                    {control(field, inventory, w)}
                  </Form.Item>
                ))}
              </Form>
            ),
          },
          {
            key: "json",
            label: w.manage.asJson,
            children: (
              <div className="json">
                <p className="mut">{w.manage.jsonText}</p>
                <Input.TextArea
                  aria-label={w.manage.asJson}
                  rows={18}
                  value={json}
                  readOnly={readOnly}
                  spellCheck={false}
                  onChange={(event) => setJson(event.target.value)}
                />
              </div>
            ),
          },
        ]}
      />
    </Modal>
  );
}

/** What is wrong, one to a line. */
export function Mistakes({ problem, w }: { problem: Problem; w: Words }) {
  const stale = problem.code === "stale_version";
  return (
    <Alert
      type="error"
      role="alert"
      title={stale ? w.manage.stale : problem.message}
      description={
        problem.items.length > 0 && (
          <ul className="mistakes">
            {problem.items.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        )
      }
    />
  );
}

function control(field: Field, inventory: Inventory, w: Words): ReactNode {
  const named = (values: string[]) => values.map((value) => ({ value, label: w.manage.values[value] ?? value }));
  const refs = (map: MapName) =>
    itemsOf(inventory, map).map((one) => ({ value: one.id, label: String(one.name ?? one.id) }));
  const search = { filterOption: (typed: string, option?: { label: string }) => meant(option?.label ?? "", typed) };
  switch (field.as) {
    case "text":
      return <Input autoComplete="off" />;
    case "number":
      return <InputNumber min={0} />;
    case "time":
      return <DatePicker showTime={{ format: "HH:mm" }} format="YYYY-MM-DD HH:mm" needConfirm={false} />;
    case "yes":
      return <Switch />;
    case "one":
      return <Select options={named(field.of)} allowClear={!field.required} />;
    case "many":
      return <Select mode="multiple" options={named(field.of)} />;
    case "ref":
      return <Select showSearch={search} options={refs(field.to)} allowClear={!field.required} />;
    case "refs":
      return <Select mode="multiple" showSearch={search} options={refs(field.to)} maxTagCount={8} />;
  }
}

function toForm(fields: Field[], item: Item): Record<string, unknown> {
  const shown: Record<string, unknown> = { id: item.id };
  for (const field of fields) {
    const value = item[field.name];
    shown[field.name] = field.as === "time" && typeof value === "string" ? dayjs(value) : (value ?? undefined);
  }
  return shown;
}

/** The item with what the form says; what the form does not list stays. */
function fromForm(fields: Field[], item: Item, values: Record<string, unknown>): Item {
  const next: Item = { ...item, id: String(values.id ?? item.id).trim() };
  for (const field of fields) {
    const value = values[field.name];
    if (value === undefined || value === null || value === "") {
      if (field.name in item) next[field.name] = field.as === "many" || field.as === "refs" ? [] : null;
      continue;
    }
    next[field.name] = field.as === "time" ? (value as Dayjs).toISOString().replace(".000Z", "Z") : value;
  }
  return next;
}
