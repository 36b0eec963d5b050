// The journal 审计记录, row by row with its hashes. It only grows; the page walks through it.

import { Button, InputNumber, Space, Table } from "antd";
import { useCallback, useEffect, useState } from "react";
import { get, type Schemas } from "../api/client.ts";
import { run } from "../frame/told.ts";
import { useWords } from "../words/index.ts";
import { meant } from "../words/pinyin.ts";
import { stamp } from "../words/time.ts";

type Row = Schemas["EventShown"];

/** Rows read at once. */
const PAGE = 100;

async function rowsAfter(after: number, limit = PAGE): Promise<Row[]> {
  return (await get("/api/v1/events", { query: { after: Math.max(0, after), limit } })).items;
}

/** The newest row's number: the journal is read forwards, so it is found by doubling and halving. */
async function newest(): Promise<number> {
  const beyond = async (after: number) => (await rowsAfter(after, 1)).length > 0;
  let high = 1;
  while (await beyond(high)) high *= 4;
  let low = 0;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await beyond(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function Journal() {
  const w = useWords();
  const words = w.manage.journal;
  const [rows, setRows] = useState<Row[]>([]);
  const [typed, setTyped] = useState("");
  const show = useCallback((after: number) => run(rowsAfter(after).then(setRows)), []);
  const last = useCallback(
    () =>
      run(
        newest()
          .then((seq) => rowsAfter(seq - PAGE))
          .then(setRows),
      ),
    [],
  );
  useEffect(() => void last(), [last]);
  const first = rows[0]?.seq ?? 1;
  const end = rows[rows.length - 1]?.seq ?? 0;
  const shown = rows.filter((row) => meant(`${row.kind} ${row.subject} ${row.actor}`, typed)).reverse();
  return (
    <>
      <div className="head">
        <h1>{w.manage.pages.journal}</h1>
        <span className="mut num">
          {first} – {end}
        </span>
        <input
          type="search"
          aria-label={words.filter}
          placeholder={words.filter}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Space className="to-right">
          <Button onClick={() => void show(0)}>{words.first}</Button>
          <Button disabled={first <= 1} onClick={() => void show(first - 1 - PAGE)}>
            {words.older}
          </Button>
          <Button onClick={() => void show(end)} disabled={rows.length < PAGE}>
            {words.newer}
          </Button>
          <Button onClick={() => void last()}>{words.newest}</Button>
          <InputNumber
            aria-label={words.from}
            placeholder={words.from}
            min={1}
            onPressEnter={(event) => void show(Number(event.currentTarget.value) - 1)}
          />
        </Space>
      </div>
      <div className="body">
        <p className="mut s">{words.text}</p>
        <Table<Row>
          rowKey="seq"
          size="small"
          dataSource={shown}
          pagination={false}
          scroll={{ x: "max-content" }}
          locale={{ emptyText: words.empty }}
          expandable={{ expandedRowRender: (row) => <pre className="mono">{JSON.stringify(row.body, null, 2)}</pre> }}
          columns={[
            { title: words.seq, dataIndex: "seq", align: "right" },
            { title: words.at, key: "at", render: (_, row) => stamp(row.at) },
            { title: words.actor, dataIndex: "actor" },
            { title: words.kind, dataIndex: "kind" },
            { title: words.subject, dataIndex: "subject" },
            {
              title: words.hash,
              key: "hash",
              render: (_, row) => <span className="mono">{row.hash.slice(0, 16)}</span>,
            },
          ]}
        />
      </div>
    </>
  );
}
