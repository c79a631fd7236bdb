/**
 * Reads and checks all that a stress run needs before anything is sent: nothing behind it sees a flag.
 *
 * @module
 */
import { join } from "@std/path";
import type { StressPlan } from "../stress/run.ts";
import { checkOpenFiles } from "../load/open_files.ts";
import { advise } from "../cli/command_line.ts";
import type { Interrupts } from "../cli/interrupt.ts";
import {
  readApiKey,
  readCertificates,
  readEnvironment,
  refuseTwoKeys,
} from "../cli/secret_source.ts";
import { refuseOtherOptions } from "../record/resume.ts";
import { createRedactor, headerSecrets, hideKeys } from "../secret.ts";
import { openTarget, type Target, UNKNOWN } from "../server/open.ts";
import { checkAllowed } from "../server/permission.ts";
import { readStressRun } from "../stress/file.ts";
import { specifiedResult, type StressRun } from "../stress/record.ts";
import type { OwnRequest } from "../score/workload.ts";
import { findTooLong } from "../server/longest.ts";
import {
  MOST_PAYLOADS,
  type OwnRequests,
  type StressOptions,
} from "../stress/scenarios.ts";
import { openData, type OpenedData, withLabelIds } from "./data_flags.ts";
import { STRESS_FORMATS } from "./formats.ts";
import type { ShardSetup } from "./shard_flags.ts";
import { planRunOutputs, recordName, type RunOutputs } from "./outputs.ts";
import {
  readStressFlags,
  type StressFlags,
  type StressRequest,
} from "./stress_flags.ts";
import { toJson } from "../json.ts";

/** What a stress run needs, checked. */
export interface StressSetup
  extends Omit<StressPlan, "environment" | "toolVersion" | "own"> {
  /** Reads the requests of files, in the order of a seed. */
  readonly readOwn: (seed: string) => Promise<OwnRequests>;
  readonly outputs: RunOutputs<StressRun>;
  readonly isQuiet: boolean;
  /** Processes that send. */
  readonly workers: number;
  /** The process of the server whose memory is watched, where it was not started here; null for none. */
  readonly serverPid: number | null;
  /** Which shard of a run over several hosts this is; null for the only process. */
  readonly shard: ShardSetup | null;
  /** Opens the target; what it waits for is said to `onWaiting`. One that another shard has started is at `at`. */
  readonly openTarget: (
    interrupts: Interrupts,
    onWaiting: (what: string) => void,
    at?: string,
  ) => Promise<Target>;
}

/**
 * Reads flags, files and environment, and checks all that can be wrong before anything is sent.
 *
 * @throws {UsageError} If a flag, a file or a setting is wrong.
 */
export async function prepareStress(given: StressFlags): Promise<StressSetup> {
  const flags = await withLabelIds(given);
  const request = readStressFlags(flags, readEnvironment("SCORE_URL"));
  const resumed = flags.resume === undefined
    ? null
    : await readStressRun(flags.resume);
  if (flags.unixSocket === undefined) await checkAllowed([request.url]);
  const apiKey = await readApiKey(flags.apiKeyFile);
  refuseTwoKeys(apiKey, request.headers);
  const caCerts = await readCertificates(flags.caFile);
  const redact = createRedactor([
    apiKey ?? "",
    ...headerSecrets(request.headers),
  ]);
  const { url, launch, headers } = request;
  const targetAddress = redact(url ?? hideKeys(launch ?? ""));
  // Without batch sizes each request of a file is sent as it is.
  const { records, files } = await openData(
    request.data,
    flags.batchSizes === undefined,
  );
  const options = stressOptions(flags, request, {
    resumed,
    address: targetAddress,
    data: records,
  });
  checkOpenFiles(Math.max(1, ...options.concurrency ?? []), {
    isServedHere: request.kind === "simulated",
  });
  const timestamp = new Date().toISOString();
  const outputs = request.shard === null
    ? await planStressOutputs(flags, timestamp)
    : shardOutputs(request.shard);
  return {
    options,
    readOwn: (seed) => readOwnRequests(files, seed),
    findServerProblem: (server) => {
      const tooLong = findTooLong(records, files, server);
      return tooLong === null ? null : `Cannot send ${tooLong}`;
    },
    target: request.kind,
    targetAddress,
    resumed,
    timestamp,
    warnings: [
      ...request.leftOut,
      ...[...files].flatMap(([name, { record }]) =>
        record.requests <= MOST_PAYLOADS ? [] : [
          `Of the ${record.requests} requests of ${name} a load sends the first ${MOST_PAYLOADS} at most: each is scored alone before`,
        ]
      ),
    ],
    outputs,
    isQuiet: flags.quiet,
    workers: flags.workers,
    serverPid: flags.serverPid ?? null,
    shard: request.shard,
    openTarget: (interrupts, onWaiting, at) =>
      openTarget({
        url: at ?? url,
        launch: at === undefined ? launch : null,
        launchTimeoutMs: flags.launchTimeout * 1000,
        timeoutMs: options.timeoutMs,
        logPath: () => `${outputs.stem}.log`,
        apiKey,
        headers,
        caCerts,
        unixSocketPath: flags.unixSocket ?? null,
        serverLog: flags.serverLog ?? null,
        hardware: flags.hardware ?? null,
        seed: options.seed,
        onWaiting,
        warn: (text) => advise(`Warning: ${text}`),
        signal: interrupts.first,
        urgent: interrupts.second,
      }, wantedTarget(flags, request)),
  };
}

/** Reads as many requests of each file as a load scores alone. */
async function readOwnRequests(
  files: OpenedData["files"],
  seed: string,
): Promise<OwnRequests> {
  const own = new Map<string, readonly OwnRequest[]>();
  for (const [name, file] of files) {
    const count = Math.min(file.record.requests, MOST_PAYLOADS);
    own.set(name, await file.read({ first: 0, count, batchSize: null, seed }));
  }
  return own;
}

function planStressOutputs(
  { output, jsonOutput, metadataOutput, resume }: StressFlags,
  timestamp: string,
): Promise<RunOutputs<StressRun>> {
  const json = (value: unknown) => `${toJson(value, 2)}\n`;
  const others = [
    {
      path: jsonOutput,
      render: ({ results }: StressRun) => json(results.map(specifiedResult)),
    },
    {
      path: metadataOutput,
      render: ({ metadata, options }: StressRun) =>
        json({ ...metadata, options }),
    },
  ];
  return planRunOutputs(
    { output, others, formats: STRESS_FORMATS },
    resume ?? recordName(`stress-${timestamp}`),
  );
}

/** A shard writes its record, and what a server that it launches says. */
function shardOutputs({ folder, share }: ShardSetup): RunOutputs<StressRun> {
  const stem = join(folder, `shard-${share.index}`);
  return { record: `${stem}.json`, stem, files: [] };
}

/** What was asked for, with the seed of the run that is resumed. */
function stressOptions(
  flags: StressFlags,
  { options: given, kind }: StressRequest,
  known: {
    readonly resumed: StressRun | null;
    readonly address: string;
    readonly data: StressOptions["data"];
  },
): StressOptions {
  const { resumed, address, data } = known;
  const seed = flags.seed ?? resumed?.options.seed ?? crypto.randomUUID();
  const options = { ...given, data, seed };
  if (resumed === null) return options;
  const { target, "target_address": targetAddress } = resumed.metadata;
  refuseOtherOptions(
    flags.resume,
    { ...resumed.options, target, targetAddress },
    { ...options, target: kind, targetAddress: address },
  );
  return options;
}

/** A server at a URL names itself; the simulated engine has scores of float32 whatever it is called. */
function wantedTarget(flags: StressFlags, { kind }: StressRequest) {
  const dtype = flags.dtype ??
    (kind === "url" ? UNKNOWN : kind === "launched" ? "bfloat16" : "float32");
  return { model: flags.model, dtype };
}
