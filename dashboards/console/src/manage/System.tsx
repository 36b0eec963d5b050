// How vcops itself is: version, readiness, connection, and the metrics that matter.

import { Table } from "antd";
import { useEffect, useState } from "react";
import { useSession } from "../frame/rights.ts";
import { useWords } from "../words/index.ts";

/** How often it is read anew, milliseconds. */
const EVERY = 5000;

interface Metric {
  name: string;
  value: string;
}

/** Prometheus text as rows; help and type lines are left out. */
function parse(text: string): Metric[] {
  const lines = text.split("\n").filter((line) => line.startsWith("vcops_") && !/_bucket[{ ]/.test(line));
  return lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return { name: line.slice(0, at), value: line.slice(at + 1) };
  });
}

async function text(path: string): Promise<{ ok: boolean; text: string }> {
  const answer = await fetch(path, { cache: "no-store" });
  return { ok: answer.ok, text: await answer.text() };
}

export function System() {
  const w = useWords();
  const words = w.manage.system;
  const { session, may } = useSession();
  const [ready, setReady] = useState<{ ok: boolean; text: string } | null>(null);
  const [metrics, setMetrics] = useState<Metric[]>([]);
  const allowed = may("metrics");
  useEffect(() => {
    const read = () => {
      text("/readyz").then(setReady, () => null);
      if (allowed)
        text("/metrics").then(
          (answer) => answer.ok && setMetrics(parse(answer.text)),
          () => null,
        );
    };
    read();
    const timer = window.setInterval(() => document.hidden || read(), EVERY);
    return () => window.clearInterval(timer);
  }, [allowed]);
  return (
    <>
      <div className="head">
        <h1>{w.manage.pages.system}</h1>
        {ready && (
          <span className={ready.ok ? "ok" : "urgent strong"}>
            {ready.ok ? words.ready : `◆ ${words.notReady(ready.text.trim())}`}
          </span>
        )}
      </div>
      <div className="body">
        <dl>
          <dt>{words.version}</dt>
          <dd className="num">vcops {session.version}</dd>
          <dt>{words.connection}</dt>
          <dd>{session.tls ? words.tls : words.plain}</dd>
          <dt>{words.browser}</dt>
          <dd className="s">{navigator.userAgent}</dd>
        </dl>
        <h2>{words.metrics}</h2>
        <p className="mut s">{allowed ? words.metricsText : words.noMetrics}</p>
        {allowed && (
          <Table<Metric>
            rowKey="name"
            size="small"
            dataSource={metrics}
            pagination={false}
            columns={[
              {
                title: words.metric,
                dataIndex: "name",
                render: (name: string) => <span className="mono">{name}</span>,
              },
              { title: words.value, dataIndex: "value", align: "right" },
            ]}
          />
        )}
      </div>
    </>
  );
}
