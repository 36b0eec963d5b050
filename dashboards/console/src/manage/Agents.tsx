// The agents 测试机: whether each is heard, how it is, inviting and revoking.

import { Button, Form, Input, Modal, Space, Table } from "antd";
import { useCallback, useEffect, useState } from "react";
import { get, post, type Schemas } from "../api/client.ts";
import { useSession } from "../frame/rights.ts";
import { run } from "../frame/told.ts";
import { useWords, type Words } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { stamp } from "../words/time.ts";
import { useInventory } from "./inventory.ts";
import { shownName } from "./kinds.ts";

type Agent = Schemas["AgentShown"];

/** How often the list is read anew, milliseconds. */
const EVERY = 3000;

interface Health {
  version?: string;
  clock_offset_ms?: [number, number] | null;
  disk_free_mib?: number | null;
  cpu_pct?: number | null;
  outbox?: number;
  consent?: boolean;
  no_test?: boolean;
}

const healthOf = (agent: Agent): Health => (agent.health ?? {}) as Health;

export function Agents() {
  const w = useWords();
  const { may } = useSession();
  const [inventory] = useInventory();
  const [agents, setAgents] = useState<Agent[]>([]);
  const [typed, setTyped] = useState("");
  const [invitation, setInvitation] = useState<Schemas["InvitationShown"] | null>(null);
  const [revoking, setRevoking] = useState<Agent | null>(null);
  const read = useCallback(
    () =>
      get("/api/v1/agents").then(
        (page) => setAgents(page.items),
        () => null,
      ),
    [],
  );
  useEffect(() => {
    void read();
    const timer = window.setInterval(() => document.hidden || void read(), EVERY);
    return () => window.clearInterval(timer);
  }, [read]);
  const venue = (agent: Agent) => (inventory && shownName(inventory, "venues", agent.venue)) ?? agent.venue;
  const invite = (agent: Agent) =>
    void run(post("/api/v1/agents/{id}/invitation", {}, { path: { id: agent.id } }).then(setInvitation));
  const shown = agents.filter((agent) => meant(`${venue(agent)} ${agent.id}`, typed));
  const online = agents.filter((agent) => agent.online).length;
  return (
    <>
      <div className="head">
        <h1>{w.manage.pages.agents}</h1>
        <span className="mut num">{w.wall.agents(online, agents.length)}</span>
        <input
          type="search"
          aria-label={w.frame.search}
          placeholder={w.frame.searchHint}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      <div className="body">
        <Table<Agent>
          rowKey="id"
          size="small"
          dataSource={shown}
          pagination={false}
          scroll={{ x: "max-content" }}
          columns={[
            { title: w.manage.fields.venue, key: "venue", render: (_, agent) => <b>{venue(agent)}</b> },
            { title: w.manage.id, dataIndex: "id" },
            {
              title: w.manage.agent.state,
              key: "state",
              sorter: (a, b) => Number(a.online) - Number(b.online),
              render: (_, agent) => <State agent={agent} w={w} />,
            },
            {
              title: w.manage.agent.version,
              key: "version",
              render: (_, agent) => healthOf(agent).version ?? w.frame.none,
            },
            {
              title: w.manage.agent.clock,
              key: "clock",
              align: "right",
              render: (_, agent) => offset(healthOf(agent), w),
            },
            {
              title: w.manage.agent.cpu,
              key: "cpu",
              align: "right",
              render: (_, agent) => figure(healthOf(agent).cpu_pct, "%", w),
            },
            {
              title: w.manage.agent.disk,
              key: "disk",
              align: "right",
              render: (_, agent) => figure(healthOf(agent).disk_free_mib, "MiB", w),
            },
            {
              title: w.manage.agent.outbox,
              key: "outbox",
              align: "right",
              render: (_, agent) => healthOf(agent).outbox ?? w.frame.none,
            },
            { title: w.manage.agent.refused, dataIndex: "refused", align: "right" },
            {
              title: "",
              key: "actions",
              render: (_, agent) =>
                may("change") && (
                  <Space>
                    <Button
                      type="link"
                      aria-label={`${w.manage.agent.invite} ${agent.id}`}
                      onClick={() => invite(agent)}
                    >
                      {w.manage.agent.invite}
                    </Button>
                    {agent.enrolled && (
                      <Button
                        type="link"
                        danger
                        aria-label={`${w.manage.agent.revoke} ${agent.id}`}
                        onClick={() => setRevoking(agent)}
                      >
                        {w.manage.agent.revoke}
                      </Button>
                    )}
                  </Space>
                ),
            },
          ]}
        />
      </div>
      {invitation && (
        <Modal
          open
          title={w.manage.agent.inviteTitle}
          onCancel={() => setInvitation(null)}
          footer={<Button onClick={() => setInvitation(null)}>{w.frame.close}</Button>}
        >
          <p>{w.manage.agent.inviteText}</p>
          <code className="token">vcops agent --enrol {invitation.token}</code>
          <p className="mut num">{w.manage.agent.until(stamp(invitation.expires))}</p>
        </Modal>
      )}
      {revoking && <Revoke agent={revoking} name={venue(revoking)} read={read} close={() => setRevoking(null)} />}
    </>
  );
}

function State({ agent, w }: { agent: Agent; w: Words }) {
  const health = healthOf(agent);
  const words = !agent.enrolled
    ? `? ${w.manage.agent.notEnrolled}`
    : agent.online
      ? w.manage.agent.online
      : `● ${w.manage.agent.offline}`;
  return (
    <>
      <span className={agent.online ? "ok" : agent.enrolled ? "minor strong" : "mut"}>{words}</span>{" "}
      {health.consent && <span className="tag">{w.manage.agent.consent}</span>}{" "}
      {health.no_test && <span className="tag">{w.manage.agent.noTest}</span>}
    </>
  );
}

const figure = (value: number | null | undefined, unit: string, w: Words) =>
  value === null || value === undefined ? w.frame.none : `${Math.round(value)} ${unit}`;

function offset(health: Health, w: Words): string {
  const found = health.clock_offset_ms;
  return found ? `${found[0] >= 0 ? "+" : ""}${found[0].toFixed(1)} ± ${found[1].toFixed(1)} ms` : w.frame.none;
}

function Revoke({ agent, name, read, close }: { agent: Agent; name: string; read(): Promise<unknown>; close(): void }) {
  const w = useWords();
  const [form] = Form.useForm<{ why: string }>();
  const done = async ({ why }: { why: string }) => {
    close();
    await run(post("/api/v1/agents/{id}/revoke", { why }, { path: { id: agent.id } }));
    await read();
  };
  return (
    <Modal
      open
      title={`${w.manage.agent.revoke} · ${name}`}
      onCancel={close}
      okText={w.manage.agent.revoke}
      okButtonProps={{ danger: true }}
      onOk={() => form.submit()}
    >
      <p>{w.manage.agent.revokeText}</p>
      <Form form={form} layout="vertical" onFinish={(values) => void done(values)}>
        <Form.Item name="why" label={w.manage.agent.why} rules={[{ required: true, message: w.manage.required }]}>
          <Input.TextArea rows={2} />
        </Form.Item>
      </Form>
    </Modal>
  );
}
