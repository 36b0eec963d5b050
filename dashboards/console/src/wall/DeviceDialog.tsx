// A device as it says it is: health, capacity, alarms, and who is in its conferences with what flows. A person with
// the right may have it call again, hang up or mute: first what that would touch is shown, then it is ordered, once.

import { useCallback, useEffect, useState } from "react";
import { get, orderKey, Problem, post, type Schemas } from "../api/client.ts";
import { Dialog, DialogForm } from "../frame/Dialog.tsx";
import { useSession } from "../frame/rights.ts";
import { lang, useWords, type Words } from "../words/index.ts";
import { clock } from "../words/time.ts";
import { type Conference, flowOf, lookOfSight, type Report, type Site, shown } from "./device.ts";

type Device = Schemas["DeviceShown"];
type Ordered = Schemas["ActionShown"];

/** How often it is read anew, milliseconds. */
const EVERY = 3000;

type Verb = "redial" | "disconnect" | "mute" | "unmute";

interface Order {
  verb: Verb;
  site: Site;
  action: Record<string, unknown>;
}

export default function DeviceDialog({ device, close }: { device: Device; close(): void }) {
  const w = useWords();
  const words = w.wall.device;
  const [report, setReport] = useState<Report | null>(null);
  const [problem, setProblem] = useState("");
  const [order, setOrder] = useState<Order | null>(null);
  const read = useCallback(() => {
    get("/api/v1/devices/{kind}/{id}", { path: { kind: device.kind, id: device.id } }).then(
      (answer) => {
        setReport(answer as unknown as Report);
        setProblem("");
      },
      (error: unknown) => setProblem(error instanceof Problem ? error.whole : String(error)),
    );
  }, [device.kind, device.id]);
  useEffect(() => {
    read();
    const timer = window.setInterval(read, EVERY);
    return () => window.clearInterval(timer);
  }, [read]);
  const [css, shape] = lookOfSight(device.sight);
  return (
    <Dialog title={`${device.name} · ${w.wall.kinds[device.kind] ?? device.kind}`} close={close} wide>
      <div className="body device">
        <p>
          <b className={css}>{`${shape} ${device.sight_text}`.trim()}</b>{" "}
          <span className="mut">{device.since && w.wall.since(clock(device.since))}</span>
        </p>
        {problem && <p className="say minor">{problem}</p>}
        {report && <Health report={report} w={w} />}
        {report?.conferences.map((conference) => (
          <Roster key={JSON.stringify(conference.conference)} conference={conference} w={w} ask={setOrder} />
        ))}
        {report && report.conferences.length === 0 && device.kind === "mcus" && (
          <p className="mut">{words.noConference}</p>
        )}
        <div className="actions">
          <button type="button" className="btn" onClick={close}>
            {w.frame.close}
          </button>
        </div>
      </div>
      {order && <OrderDialog device={device} order={order} close={() => setOrder(null)} />}
    </Dialog>
  );
}

function Health({ report, w }: { report: Report; w: Words }) {
  const words = w.wall.device;
  const { health } = report;
  return (
    <dl>
      {health && (
        <>
          <dt>{words.service}</dt>
          <dd>{words.services[health.service] ?? health.service}</dd>
          <dt>{words.load}</dt>
          <dd className="num">{shown(health.load_pct, "%", w)}</dd>
          {health.version && (
            <>
              <dt>{words.version}</dt>
              <dd>{health.version}</dd>
            </>
          )}
        </>
      )}
      {report.capacity.map((one) => (
        <div className="pairs" key={one.what}>
          <dt>{one.what}</dt>
          <dd className="num">
            {shown(one.used, "", w)} / {shown(one.total, "", w)}
          </dd>
        </div>
      ))}
      {report.alarms.map((alarm) => (
        <div className="pairs" key={alarm.id}>
          <dt className="major">▲ {words.alarm}</dt>
          <dd>
            {alarm.what} <span className="mut">{alarm.detail}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Roster({ conference, w, ask }: { conference: Conference; w: Words; ask(order: Order): void }) {
  const words = w.wall.device;
  const { may } = useSession();
  const order = (site: Site, verb: Verb) => {
    const who = { conference: conference.conference, participant: site.participant };
    const mute = { action: "mute", ...who, medium: "audio", way: "from_site", on: verb === "mute" };
    ask({ verb, site, action: verb === "mute" || verb === "unmute" ? mute : { action: verb, ...who } });
  };
  return (
    <section>
      <h3>
        {conference.name}{" "}
        <span className="sub num">{words.present(conference.present.length, conference.expected?.length ?? null)}</span>
      </h3>
      <table className="rows">
        <thead>
          <tr>
            {[words.site, words.presence, words.up, words.down, ""].map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {conference.present.map((site) => (
            <tr key={JSON.stringify(site.participant)}>
              <td>
                <b>{site.name}</b> {site.muted && <span className="tag">{words.muted}</span>}
              </td>
              <td>{words.presences[site.presence.presence] ?? site.presence.presence}</td>
              <td className="num">{flowOf(site, "from_site", w)}</td>
              <td className="num">{flowOf(site, "to_site", w)}</td>
              <td>
                {may("act") && (
                  <span className="actions">
                    {(["redial", "disconnect", site.muted ? "unmute" : "mute"] as const).map((verb) => (
                      <button
                        key={verb}
                        type="button"
                        className="btn small"
                        aria-label={`${words.verbs[verb]} ${site.name}`}
                        onClick={() => order(site, verb)}
                      >
                        {words.verbs[verb]}
                      </button>
                    ))}
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What it would touch, then why, then the order under a key of its own. */
function OrderDialog({ device, order, close }: { device: Device; order: Order; close(): void }) {
  const w = useWords();
  const words = w.wall.device;
  const [preview, setPreview] = useState<Ordered | null>(null);
  const [told, setTold] = useState("");
  const [done, setDone] = useState<Ordered | null>(null);
  const [key] = useState(orderKey);
  const where = { path: { kind: device.kind, id: device.id } };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the order does not change while its dialog is open
  useEffect(() => {
    post(
      "/api/v1/devices/{kind}/{id}/actions",
      { action: order.action, why: words.preview, dry_run: true } as never,
      where,
    ).then(setPreview, (error: unknown) => setTold(error instanceof Problem ? error.whole : String(error)));
  }, []);
  const send = (value: (name: string) => string) => {
    setTold("");
    post(
      "/api/v1/devices/{kind}/{id}/actions",
      { action: order.action, why: value("why").trim(), dry_run: false } as never,
      { ...where, headers: { "Idempotency-Key": key } },
    ).then(setDone, (error: unknown) => setTold(error instanceof Problem ? error.whole : String(error)));
  };
  const seen = preview?.preview as { zh: string; en: string } | null | undefined;
  const plan = preview?.plan as { steps: string[] } | null | undefined;
  return (
    <Dialog title={`${words.verbs[order.verb]} · ${order.site.name}`} close={close}>
      <div className="body">
        {seen && <p>{lang() === "zh" ? seen.zh : seen.en}</p>}
        {plan && (
          <ol className="mut">
            {plan.steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        )}
        {told && <p className="say urgent">{told}</p>}
        {done ? (
          <>
            <p className="say minor" role="status">
              {words.ordered(done.key ?? "")}
            </p>
            <div className="actions">
              <button type="button" className="btn" onClick={close}>
                {w.frame.close}
              </button>
            </div>
          </>
        ) : (
          preview && (
            <DialogForm done={send} close={close} verb={words.execute} danger={order.verb === "disconnect"}>
              <label>
                <span>{words.why}</span>
                <textarea name="why" rows={2} required maxLength={300} />
              </label>
            </DialogForm>
          )
        )}
      </div>
    </Dialog>
  );
}
