/**
 * What `deno task bench:self` measures: the servers, the loads and who sends them.
 *
 * @module
 */
import type { LoadPlan } from "../../lib/load/generator.ts";
import { requestBody, type WorkloadSpec } from "../../lib/score/workload.ts";

/** A client that is compared. */
export type ClientName = "scorebench" | "wrk" | "autocannon" | "fetch";

/** How `null_server.c` is started. */
export interface ServerPlan {
  /** How long it takes for an answer, in milliseconds. */
  readonly serviceMs: number;
  /** Rows of its answer: items of the requests. */
  readonly rows: number;
  /** Whether each answer differs from the one before. */
  readonly varies: boolean;
  readonly isTls: boolean;
}

/** Loads of one kind. */
export interface SelfLoad {
  /** What is sent where, for people. */
  readonly title: string;
  readonly server: ServerPlan;
  readonly prefixCache: WorkloadSpec["prefixCache"];
  /** Numbers of connections, each of them a load. */
  readonly connections: readonly number[];
  readonly clients: readonly ClientName[];
}

const SMALL = 2;
const BIG = 500;
const NULL: ServerPlan = {
  ...{ serviceMs: 0, rows: SMALL, varies: false, isTls: false },
};
/** The time of the server that is not at once, in milliseconds. */
const SERVICE_MS = 5;
const ALL: readonly ClientName[] = ["scorebench", "fetch", "wrk", "autocannon"];
const BOTH: readonly ClientName[] = ["scorebench", "wrk"];

/** All loads. */
export const SELF_LOADS: readonly SelfLoad[] = [
  {
    title: "small",
    server: NULL,
    prefixCache: "hot",
    connections: [1, 16, 64],
    clients: ALL,
  },
  {
    title: "small",
    server: { ...NULL, serviceMs: SERVICE_MS },
    prefixCache: "hot",
    connections: [1, 8, 32],
    clients: ALL,
  },
  {
    title: "small, many",
    server: NULL,
    prefixCache: "hot",
    connections: [1_000],
    clients: BOTH,
  },
  ...(["hot", "cold"] as const).map((prefixCache): SelfLoad => ({
    title: `49 KB, ${prefixCache}`,
    server: { ...NULL, rows: BIG },
    prefixCache,
    connections: [1, 16],
    clients: BOTH,
  })),
  {
    title: "49 KB, cold, each answer another",
    server: { ...NULL, rows: BIG, varies: true },
    prefixCache: "cold",
    connections: [16],
    clients: BOTH,
  },
  ...[false, true].map((varies): SelfLoad => ({
    title: `49 KB, cold${varies ? ", each answer another" : ""}`,
    server: { ...NULL, rows: BIG, varies, serviceMs: SERVICE_MS },
    prefixCache: "cold",
    connections: [16],
    clients: BOTH,
  })),
  {
    title: "small, TLS",
    server: { ...NULL, isTls: true },
    prefixCache: "hot",
    connections: [1, 16],
    clients: BOTH,
  },
  {
    title: "49 KB, cold, TLS",
    server: { ...NULL, rows: BIG, isTls: true },
    prefixCache: "cold",
    connections: [1, 16],
    clients: BOTH,
  },
];

/** What is sent to a server: two short texts, or 500 items of 20 ids after 2,000 of the query. */
export function workloadFor(
  { rows }: Pick<ServerPlan, "rows">,
  prefixCache: WorkloadSpec["prefixCache"],
): WorkloadSpec {
  return {
    batchSize: rows,
    labelTokenIds: [10, 20],
    model: "m",
    applySoftmax: true,
    prefixCache,
    seed: 0,
    tokens: rows === SMALL ? null : { query: 2000, item: 20 },
  };
}

/** The body that clients send who know only one. */
export function staticBody({ rows }: Pick<ServerPlan, "rows">): string {
  return rows === SMALL
    ? JSON.stringify({
      "query": "Is this relevant?",
      "items": [" Yes", " No"],
      "label_token_ids": [10, 20],
      "apply_softmax": true,
      "item_first": false,
      "model": "m",
    })
    : new TextDecoder().decode(requestBody(workloadFor({ rows }, "hot"), 0));
}

/** Returns the load of this tool. */
export function planFor(
  url: string,
  workload: WorkloadSpec,
  { loop, caCerts = [] }: {
    readonly loop: LoadPlan["loop"];
    readonly caCerts?: readonly string[];
  },
): LoadPlan {
  return {
    endpoint: { url, headers: {}, caCerts, unixSocketPath: null, secrets: [] },
    workload,
    dtype: "float32",
    firstIndex: 0,
    timeoutMs: 10_000,
    loop,
  };
}
