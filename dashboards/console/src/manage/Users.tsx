// Users and their roles: who may do what, where.

import { Button, Form, Input, Modal, Select, Space, Table } from "antd";
import { useCallback, useEffect, useState } from "react";
import { get, Problem, patch, post, put, type Schemas } from "../api/client.ts";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { Mistakes } from "./ItemDialog.tsx";
import { useRegions } from "./Manage.tsx";

type User = Schemas["UserShown"];

interface Grant {
  role: string;
  region: string | null;
}

export function Users() {
  const w = useWords();
  const words = w.manage.user;
  const { session } = useSession();
  const [users, setUsers] = useState<User[]>([]);
  const [editing, setEditing] = useState<User | "new" | null>(null);
  const [password, setPassword] = useState<User | null>(null);
  const read = useCallback(
    () =>
      get("/api/v1/users").then(
        (page) => setUsers(page.items),
        () => null,
      ),
    [],
  );
  useEffect(() => void read(), [read]);
  const turn = async (user: User) => {
    await run(patch("/api/v1/users/{id}", { disabled: !user.disabled }, { path: { id: user.id } }));
    await read();
  };
  return (
    <>
      <div className="head">
        <h1>{w.manage.pages.users}</h1>
        <span className="mut num">{w.manage.count(users.length, users.length)}</span>
        <span className="mut s">{words.apart}</span>
        <Button className="to-right" type="primary" onClick={() => setEditing("new")}>
          {words.add}
        </Button>
      </div>
      <div className="body">
        <Table<User>
          rowKey="id"
          size="small"
          dataSource={users}
          pagination={false}
          columns={[
            { title: words.id, dataIndex: "id", render: (id: string) => <b>{id}</b> },
            { title: words.name, dataIndex: "name" },
            {
              title: words.grants,
              key: "grants",
              render: (_, user) =>
                user.grants.map((grant) => (
                  <span className="tag" key={`${grant.role} ${grant.region}`}>
                    {grant.role_text} · {grant.region_text}
                  </span>
                )),
            },
            {
              title: words.state,
              key: "state",
              render: (_, user) => (
                <span className={user.disabled ? "minor" : "ok"}>
                  {user.disabled ? `● ${words.disabled}` : user.has_password ? words.enabled : words.noPassword}
                </span>
              ),
            },
            {
              title: "",
              key: "actions",
              render: (_, user) =>
                user.id !== session.user && (
                  <Space>
                    <Button type="link" aria-label={`${w.manage.edit} ${user.id}`} onClick={() => setEditing(user)}>
                      {w.manage.edit}
                    </Button>
                    <Button
                      type="link"
                      aria-label={`${words.setPassword} ${user.id}`}
                      onClick={() => setPassword(user)}
                    >
                      {words.setPassword}
                    </Button>
                    <Button
                      type="link"
                      danger={!user.disabled}
                      aria-label={`${user.disabled ? words.enable : words.disable} ${user.id}`}
                      onClick={() => void turn(user)}
                    >
                      {user.disabled ? words.enable : words.disable}
                    </Button>
                  </Space>
                ),
            },
          ]}
        />
      </div>
      {editing && <UserDialog user={editing === "new" ? null : editing} read={read} close={() => setEditing(null)} />}
      {password && <PasswordDialog user={password} close={() => setPassword(null)} />}
    </>
  );
}

interface UserForm {
  id: string;
  name: string;
  password: string;
  grants: { role: string; region: string }[];
}

/** Stands for everywhere in a select, which has no value for nothing. */
const EVERYWHERE = "";

function UserDialog({ user, read, close }: { user: User | null; read(): Promise<unknown>; close(): void }) {
  const w = useWords();
  const words = w.manage.user;
  const regions = useRegions();
  const { may } = useSession();
  const [form] = Form.useForm<UserForm>();
  const [problem, setProblem] = useState<Problem | null>(null);
  const start = user
    ? {
        id: user.id,
        name: user.name,
        grants: user.grants.map(({ role, region }) => ({ role, region: region ?? EVERYWHERE })),
      }
    : { grants: [{ role: "technician", region: EVERYWHERE }] };
  const places = [
    { value: EVERYWHERE, label: words.everywhere },
    ...regions.map((region) => ({ value: region.id, label: region.name })),
  ];
  const roles = Object.entries(words.roles).map(([value, label]) => ({ value, label }));
  const save = async (values: UserForm) => {
    const grants: Grant[] = values.grants.map((grant) => ({ role: grant.role, region: grant.region || null }));
    try {
      if (user)
        await patch("/api/v1/users/{id}", { name: values.name, grants: grants as never }, { path: { id: user.id } });
      else
        await post("/api/v1/users", {
          id: values.id.trim(),
          name: values.name.trim(),
          password: values.password,
          grants: grants as never,
        });
      await read();
      close();
    } catch (error) {
      if (error instanceof Problem) setProblem(error);
    }
  };
  const required = [{ required: true, message: w.manage.required }];
  return (
    <Modal
      open
      title={user ? `${w.manage.edit} · ${user.id}` : words.add}
      onCancel={close}
      okText={w.frame.save}
      onOk={() => form.submit()}
      destroyOnHidden
    >
      {problem && <Mistakes problem={problem} w={w} />}
      <Form form={form} layout="vertical" initialValues={start} onFinish={(values) => void save(values)}>
        <Form.Item name="id" label={words.id} rules={required}>
          <Input disabled={user !== null} autoComplete="off" spellCheck={false} />
        </Form.Item>
        <Form.Item name="name" label={words.name} rules={required}>
          <Input autoComplete="off" />
        </Form.Item>
        {!user && (
          <Form.Item name="password" label={words.password} extra={words.passwordHint} rules={required}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        )}
        <Form.List name="grants">
          {(fields, { add, remove }) => (
            <fieldset className="grants">
              <legend>{words.grants}</legend>
              {fields.map((field) => (
                <Space key={field.key} align="baseline">
                  <Form.Item name={[field.name, "role"]} rules={required}>
                    <Select aria-label={words.role} options={roles} popupMatchSelectWidth={false} />
                  </Form.Item>
                  <Form.Item name={[field.name, "region"]}>
                    {/* Who may not read the inventory knows no list of regions, but may know their ids. */}
                    {may("inventory") ? (
                      <Select aria-label={words.region} options={places} popupMatchSelectWidth={false} />
                    ) : (
                      <Input aria-label={words.region} placeholder={words.regionHint} spellCheck={false} />
                    )}
                  </Form.Item>
                  <Button onClick={() => remove(field.name)}>{words.removeGrant}</Button>
                </Space>
              ))}
              <Button onClick={() => add({ role: "technician", region: EVERYWHERE })}>{words.addGrant}</Button>
            </fieldset>
          )}
        </Form.List>
      </Form>
    </Modal>
  );
}

function PasswordDialog({ user, close }: { user: User; close(): void }) {
  const w = useWords();
  const [form] = Form.useForm<{ password: string }>();
  const [problem, setProblem] = useState<Problem | null>(null);
  const save = async ({ password }: { password: string }) => {
    try {
      await put("/api/v1/users/{id}/password", { password }, { path: { id: user.id } });
      close();
    } catch (error) {
      if (error instanceof Problem) setProblem(error);
    }
  };
  return (
    <Modal
      open
      title={`${w.manage.user.setPassword} · ${user.id}`}
      onCancel={close}
      okText={w.frame.save}
      onOk={() => form.submit()}
      destroyOnHidden
    >
      {problem && <Mistakes problem={problem} w={w} />}
      <Form form={form} layout="vertical" onFinish={(values) => void save(values)}>
        <Form.Item
          name="password"
          label={w.manage.user.password}
          extra={w.manage.user.passwordHint}
          rules={[{ required: true, message: w.manage.required }]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
      </Form>
    </Modal>
  );
}
