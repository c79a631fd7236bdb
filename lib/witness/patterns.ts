/**
 * What the lines of a server's log mean: compiles, batches, answers, and what the server was started with.
 *
 * @module
 */

/** A line that writes JIT compiles down. */
export interface CompileEvent {
  readonly kind: "compile";
  /** Which pattern it matched: several patterns may tell of one compile. */
  readonly source: string;
  /** How many compiles, at least 1. */
  readonly count: number;
  /** How long they took, in seconds; null where the line does not tell. */
  readonly seconds: number | null;
}

/** A prefill batch. */
export interface BatchEvent {
  readonly kind: "batch";
  /** Sequences in it; each item of a score request is one. */
  readonly sequences: number;
  readonly newTokens: number;
  /** Tokens that the prefix cache held. */
  readonly cachedTokens: number;
  /** Requests that waited. */
  readonly queued: number;
}

/** A score request that was answered, with whatever status. */
export interface AnswerEvent {
  readonly kind: "answer";
}

/** Something that the server says of itself when it starts. */
export interface FactEvent {
  readonly kind: "fact";
  /** `server_args`, or the name of a value in force or of a version. */
  readonly name: string;
  /** The value as it is written. */
  readonly value: string;
}

/** What a line of a log tells. */
export type LogEvent = CompileEvent | BatchEvent | AnswerEvent | FactEvent;

/** One kind of line. */
export interface LinePattern {
  readonly name: string;
  /** Where it was seen, or in which source it is written. */
  readonly seenIn: string;
  /** What it looks like, behind the prefix of its logger; matched against at most 64 KiB. */
  readonly regexp: RegExp;
  /** Makes the event of a match; null where the line tells nothing. */
  readonly read: (match: RegExpExecArray) => LogEvent | null;
}

const XLA = "xla";

function compile(
  source: string,
  count: number,
  seconds: number | null,
): CompileEvent | null {
  return count > 0 ? { kind: "compile", source, count, seconds } : null;
}

/**
 * Every line that is known, the most frequent first; the first that matches counts.
 *
 * Sources: the log of a TPU v6e-1 (SGLang-JAX fork of February 2026), SGLang-JAX cddbf6f1 (August 2026) on CPU and in
 * its source, JAX 0.4 to 0.10 (`interpreters/pxla.py`), and SGLang 0.4.7 to 0.5 (`deep_gemm_wrapper/compile_utils.py`).
 */
export const LINE_PATTERNS: readonly LinePattern[] = [
  {
    name: "prefill batch",
    seenIn: "SGLang-JAX cddbf6f1 and the fork of 2026-02; SGLang 0.4 and 0.5",
    regexp:
      /^Prefill batch.{0,40}#new-seq: (\d{1,9}), #new-token: (\d{1,12}), #cached-token: (\d{1,12}),(?:.{0,400}?#queue-req: (\d{1,9}))?/,
    read: ([, sequences, newTokens, cachedTokens, queued]) => ({
      kind: "batch",
      sequences: Number(sequences),
      newTokens: Number(newTokens),
      cachedTokens: Number(cachedTokens),
      queued: Number(queued ?? 0),
    }),
  },
  {
    name: "answer",
    seenIn: "uvicorn 0.35 and 0.54",
    regexp: /"POST [^" ]{0,400}\/v1\/score(?:\?[^" ]*)? HTTP\/[\d.]+" \d{3}/,
    read: () => ({ kind: "answer" }),
  },
  {
    name: "compiles of a batch",
    seenIn: "SGLang-JAX cddbf6f1 and the fork of 2026-02",
    regexp: /^Prefill batch.{0,200}#cache_miss: (\d{1,9})/,
    read: ([, count]) => compile("cache_miss", Number(count), null),
  },
  {
    name: "compiles of a decode batch",
    seenIn: "SGLang-JAX cddbf6f1; 0 is written by versions of 2025",
    regexp: /^Decode batch.{0,600}#cache_miss: (\d{1,9})/,
    read: ([, count]) => compile("cache_miss", Number(count), null),
  },
  {
    name: "compile of XLA",
    seenIn: "JAX 0.4 to 0.10 with JAX_LOG_COMPILES=1",
    regexp:
      /^Finished XLA compilation of (?:.{1,2000}) in (\d{1,9}(?:\.\d{1,12})?(?:e-\d{1,3})?) sec/,
    read: ([, seconds]) => compile(XLA, 1, Number(seconds)),
  },
  {
    name: "compile of DeepGEMM",
    seenIn: "SGLang 0.4.7 to 0.5",
    regexp: /^Entering DeepGEMM JIT (?:Pre-Compile session|Single Kernel)/,
    read: () => compile("deepgemm", 1, null),
  },
  {
    name: "arguments",
    seenIn: "SGLang-JAX cddbf6f1 and the fork of 2026-02; SGLang 0.4 and 0.5",
    regexp: /^server_args=(ServerArgs\(.{0,60000})$/,
    read: ([, value = ""]) => ({ kind: "fact", name: "server_args", value }),
  },
  {
    name: "slots in force",
    seenIn: "SGLang-JAX cddbf6f1 and the fork of 2026-02",
    regexp: /^(?:→|->)? ?Final (max_running_requests): (\d{1,9})$/,
    read: ([, name = "", value = ""]) => ({ kind: "fact", name, value }),
  },
  {
    name: "paddings in force",
    seenIn: "SGLang-JAX cddbf6f1 and the fork of 2026-02",
    regexp:
      /^\[EXTEND\] Begin to precompile (?:bs_paddings=(?:\[[\d, ]{0,2000}\]) )?token_paddings=(\[[\d, ]{0,2000}\])$/,
    read: ([, value = ""]) => ({
      kind: "fact",
      name: "precompile_token_paddings",
      value: value.replaceAll(" ", ""),
    }),
  },
  {
    name: "version",
    seenIn: "start scripts that print pip's list",
    regexp:
      /^(jax|jaxlib|libtpu|torch|sglang|sglang-jax|sgl-jax|python)(?: version)?(?:==|: | )v?(\d{1,4}\.\d{1,4}[\w.+]{0,60})$/i,
    read: ([, name = "", value = ""]) => ({
      kind: "fact",
      name: `version of ${name.toLowerCase()}`,
      value,
    }),
  },
];

/** A line without its prefix. */
export interface LogLine {
  /** How the prefix looks: copies of one line differ in it. */
  readonly form: "time" | "logger" | "jax" | "glog" | "bare";
  /** When it was written, by the clock of the server as if that were UTC, in milliseconds; null where it does not tell. */
  readonly timeMs: number | null;
  /** What stands behind the prefix. */
  readonly message: string;
}

/** `[2026-02-13 23:31:31 TP0] text`: SGLang and SGLang-JAX. */
const TIME_REGEXP =
  /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:[.,]\d+)?(?: [^\]]{0,80})?\] ?(.*)$/s;
/** `WARNING:2026-02-13 23:31:31,123:jax._src.dispatch:206: text`: the handler of JAX itself. */
const JAX_REGEXP =
  /^[A-Z]{4,8}:(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d),\d+:[\w.]+:\d+: (.*)$/s;
/** `W0610 23:50:44.162414 12345 pxla.py:1234] text`: absl, which does not tell the year. */
const GLOG_REGEXP =
  /^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +(?:\d+ +)?[\w./]+:\d+\] (.*)$/s;
/** `INFO:sgl_jax.srt.managers.tp_worker:text`, also behind the progress bars that a launcher prints. */
const LOGGER_REGEXP =
  /(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[A-Za-z_][\w.]{0,200}:(.*)$/s;

/** Takes the prefix off a line. */
export function readLine(line: string): LogLine {
  const timed = TIME_REGEXP.exec(line);
  const [, date, time, message = ""] = timed ?? JAX_REGEXP.exec(line) ?? [];
  if (date !== undefined) {
    const timeMs = Date.parse(`${date}T${time}Z`);
    return {
      form: timed === null ? "jax" : "time",
      timeMs: Number.isNaN(timeMs) ? null : timeMs,
      message: message.trim(),
    };
  }
  const glog = GLOG_REGEXP.exec(line);
  if (glog !== null) {
    return { form: "glog", timeMs: null, message: (glog[1] ?? "").trim() };
  }
  const [, logged] = LOGGER_REGEXP.exec(line) ?? [];
  return logged === undefined
    ? { form: "bare", timeMs: null, message: line.trim() }
    : { form: "logger", timeMs: null, message: logged.trim() };
}

/** Returns what a message tells, or null for nothing. */
export function readMessage(message: string): LogEvent | null {
  for (const { regexp, read } of LINE_PATTERNS) {
    const match = regexp.exec(message);
    if (match !== null) return read(match);
  }
  return null;
}
