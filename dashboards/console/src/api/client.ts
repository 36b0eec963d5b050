// Requests to the daemon, typed by its OpenAPI document. A refusal is thrown as a `Problem` (RFC 9457).

import type { components, paths } from "../../generated/openapi.ts";
import { lang, w } from "../words/index.ts";

export type Schemas = components["schemas"];

interface ProblemBody {
  title?: string;
  detail?: string | null;
  code?: string;
  items?: string[];
  retry_after_s?: number | null;
}

/** Problems whose items are ids that say nothing to a reader. */
const ITEMS_ARE_IDS = ["not_this_step", "no_plan"];

/** What went wrong, in the reader's language, with its stable code. */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly items: string[];
  readonly retryAfter: number | null;

  constructor(body: ProblemBody, status: number) {
    super(body.detail ? `${body.title}${w().frame.colon}${body.detail}` : (body.title ?? `HTTP ${status}`));
    this.code = body.code ?? "internal";
    this.status = status;
    this.items = body.items ?? [];
    this.retryAfter = body.retry_after_s ?? null;
  }

  /** Whether nobody is signed in any more. */
  get signedOut(): boolean {
    return this.status === 401;
  }

  /** The message with what it is about. */
  get whole(): string {
    return this.items.length && !ITEMS_ARE_IDS.includes(this.code)
      ? `${this.message} — ${this.items.slice(0, 8).join(w().frame.and)}`
      : this.message;
  }
}

type Ok<T> = T extends { responses: { 200: { content: { "application/json": infer Body } } } } ? Body : unknown;
type BodyOf<T> = T extends { requestBody: { content: { "application/json": infer Body } } } ? Body : undefined;
type Having<M extends string> = { [P in keyof paths]: paths[P] extends { [K in M]: object } ? P : never }[keyof paths];
type Op<P extends keyof paths, M extends string> = paths[P] extends { [K in M]: infer O } ? O : never;

/** Values for the braces of a path, and the query. */
export interface Parameters {
  path?: Record<string, string | number>;
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
}

/** A path with its braces filled. */
export function address(path: string, parameters: Parameters = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parameters.path?.[name])));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}

/** Called once when a request finds that nobody is signed in. */
let onSignedOut: () => void = () => {};
export function whenSignedOut(act: () => void): void {
  onSignedOut = act;
}

/** Has the password given once more; whether that was done. */
let prove: () => Promise<boolean> = () => Promise.resolve(false);
export function whenProofNeeded(act: () => Promise<boolean>): void {
  prove = act;
}

/** Called when nothing goes on before the password is changed. */
let onExpired: () => void = () => {};
export function whenPasswordExpired(act: () => void): void {
  onExpired = act;
}

/** Sends; where the daemon wants the password once more for it, that is asked for, and it is sent again. */
async function send(method: string, url: string, body: unknown, more: Record<string, string>): Promise<unknown> {
  try {
    return await sendOnce(method, url, body, more);
  } catch (problem) {
    const proof = problem instanceof Problem && problem.code === "proof_needed";
    if (!proof || !(await prove())) throw problem;
    return sendOnce(method, url, body, more);
  }
}

async function sendOnce(method: string, url: string, body: unknown, more: Record<string, string>): Promise<unknown> {
  const headers: Record<string, string> = { "Accept-Language": lang() === "zh" ? "zh-CN" : "en", ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    const text = body === undefined ? null : JSON.stringify(body);
    answer = await fetch(url, { method, headers, credentials: "same-origin", cache: "no-store", body: text });
  } catch {
    throw new Problem({ code: "unreachable", title: w().frame.unreachable }, 0);
  }
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  const problem = new Problem(json as ProblemBody, answer.status);
  if (problem.code === "not_signed_in") onSignedOut();
  if (problem.code === "password_expired") onExpired();
  throw problem;
}

/** Asks by a path that the description of an older daemon may not have; the caller names what comes. */
export function ask<T>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  return send(method, path, body, {}) as Promise<T>;
}

/** Reads. */
export function get<P extends Having<"get">>(path: P, parameters?: Parameters): Promise<Ok<Op<P, "get">>> {
  return send("GET", address(path, parameters), undefined, parameters?.headers ?? {}) as Promise<Ok<Op<P, "get">>>;
}

/** Has something done. */
export function post<P extends Having<"post">>(
  path: P,
  body: BodyOf<Op<P, "post">> extends undefined ? Record<string, never> : BodyOf<Op<P, "post">>,
  parameters?: Parameters,
): Promise<Ok<Op<P, "post">>> {
  return send("POST", address(path, parameters), body, parameters?.headers ?? {}) as Promise<Ok<Op<P, "post">>>;
}

/** Replaces. */
export function put<P extends Having<"put">>(
  path: P,
  body: BodyOf<Op<P, "put">>,
  parameters?: Parameters,
): Promise<Ok<Op<P, "put">>> {
  return send("PUT", address(path, parameters), body, {}) as Promise<Ok<Op<P, "put">>>;
}

/** Changes a part. */
export function patch<P extends Having<"patch">>(
  path: P,
  body: BodyOf<Op<P, "patch">>,
  parameters?: Parameters,
): Promise<Ok<Op<P, "patch">>> {
  return send("PATCH", address(path, parameters), body, {}) as Promise<Ok<Op<P, "patch">>>;
}

/** Takes away. */
export function remove<P extends Having<"delete">>(path: P, parameters?: Parameters): Promise<unknown> {
  return send("DELETE", address(path, parameters), undefined, {});
}

/** A key under which a request sent again is the same order; plain http has no `randomUUID`. */
export function orderKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
