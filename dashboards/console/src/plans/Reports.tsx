// 首报, 续报, 终报: ready texts, to be copied as they are.

import { useState } from "react";
import { copyText } from "../frame/copy.ts";
import { announce } from "../frame/told.ts";
import { useWords } from "../words/index.ts";

export function Reports({ reports }: { reports: { kind: string; text: string }[] }) {
  const w = useWords();
  const words = w.plan;
  const [copied, setCopied] = useState("");
  const copy = (kind: string, text: string) => {
    const done = copyText(text);
    setCopied(done ? kind : `!${kind}`);
    announce(done ? words.copied : words.notCopied);
  };
  if (!reports.length) return null;
  return (
    <details className="reports">
      <summary>{words.reports}</summary>
      {reports.map((report) => (
        <div key={report.kind} className="report">
          <b>{words.reportKinds[report.kind] ?? report.kind}</b>
          <p className="text">{report.text}</p>
          <button
            type="button"
            className="btn small"
            aria-label={`${words.copy} ${words.reportKinds[report.kind] ?? report.kind}`}
            onClick={() => copy(report.kind, report.text)}
          >
            {copied === report.kind ? words.copied : words.copy}
          </button>
          {copied === `!${report.kind}` && <span className="major">▲ {words.notCopied}</span>}
        </div>
      ))}
    </details>
  );
}
