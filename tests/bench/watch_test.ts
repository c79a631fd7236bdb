import { assertEquals, assertMatch } from "@std/assert";
import { measureCell } from "../../lib/bench/cell.ts";
import type { CellPlan } from "../../lib/bench/cell_plan.ts";
import { useOf } from "../../lib/bench/watch.ts";
import { SampleRecorder, type Samples } from "../../lib/load/samples.ts";
import { joinDoubts } from "../../lib/record/doubts.ts";
import type { Outcome } from "../../lib/outcome.ts";
import type { CellResult } from "../../lib/record/run.ts";
import type { PrefixCache } from "../../lib/score/workload.ts";
import {
  ANSWER_LINE,
  batchLine,
  LineLog,
  missLine,
  watchMemory,
} from "../support/log_lines.ts";

const PLAN: CellPlan = {
  key: { batchSize: 4, numLabels: 2, model: "m", dtype: "bfloat16" },
  repeat: 0,
  labelTokenIds: [1, 2],
  sent: "4 items",
  numRuns: 5,
  warmupRuns: 2,
};

interface LoggedServer {
  /** The requests that compile, by their index; each takes a second. */
  readonly compiles?: readonly number[];
  /** Whether the fresh shape shows a compile in the log. */
  readonly speaks?: boolean;
  /** What the log shows of a request. */
  readonly lines?: (index: number) => readonly string[];
  /** The requests behind which the log is replaced. */
  readonly rotatesAt?: number;
  readonly prefixCache?: PrefixCache;
  readonly plan?: Partial<CellPlan>;
}

/** Measures a server that logs, in virtual time. */
async function measure(server: LoggedServer) {
  const { compiles = [0], speaks = true, rotatesAt } = server;
  const lines = server.lines ?? (() => [batchLine({ items: 4 }), ANSWER_LINE]);
  const log = new LineLog();
  const { witness, clock } = watchMemory(log);
  const seen: number[] = [];
  let fresh = 0;
  const one = (recorder: SampleRecorder, tookMs: number) => {
    const sentMs = clock.nowMs;
    clock.nowMs += tookMs;
    recorder.end(recorder.plan(sentMs), {
      ...{ plannedMs: sentMs, sentMs, doneMs: clock.nowMs, outcome: "ok" },
    }, "");
  };
  const result = await measureCell({ ...PLAN, ...server.plan }, {
    startMs: 0,
    calibration: null,
    isInterrupted: () => false,
    send: (count, firstIndex) => {
      const recorder = new SampleRecorder();
      for (let index = firstIndex; index < firstIndex + count; index++) {
        seen.push(index);
        const isCompile = compiles.includes(index);
        one(recorder, isCompile ? 1000 : 10);
        if (isCompile) log.write(missLine(index));
        log.write(...lines(index));
        if (index === rotatesAt) log.lose("it was replaced (rotated)");
      }
      return Promise.resolve(recorder.finish());
    },
    watch: {
      witness,
      prefixCache: server.prefixCache ?? "cold",
      sendFresh: () => {
        fresh++;
        const recorder = new SampleRecorder();
        one(recorder, 500);
        if (speaks) log.write(missLine(1_000_000 + fresh));
        log.write(...lines(-1));
        return Promise.resolve(recorder.finish());
      },
    },
  });
  return { result, seen, fresh };
}

const brief = ({ status, compiles, doubts }: CellResult) => [
  status,
  compiles?.level,
  compiles?.count,
  joinDoubts(doubts),
];

Deno.test("measureCell() proves that nothing was compiled, by a log that showed the compile of the warm-up", async () => {
  const { result, fresh } = await measure({});
  assertEquals(brief(result), ["OK", "none", 0, ""]);
  assertEquals(fresh, 0);
});

Deno.test("measureCell() sends one fresh shape where the warm-up compiled nothing", async () => {
  const { result, fresh } = await measure({ compiles: [] });
  assertEquals([...brief(result), fresh], ["OK", "none", 0, "", 1]);
  const deaf = await measure({ compiles: [], speaks: false });
  assertEquals([...brief(deaf.result), deaf.fresh], [
    ...["OK", "not watched", 0, "", 1],
  ]);
  assertMatch(
    deaf.result.compiles?.reason ?? "",
    /^the log has shown no compile yet/,
  );
});

Deno.test("measureCell() measures again where the log shows a compile among the timed, and is INVALID where it shows one again", async () => {
  // Timed are 10 to 14, since the first of the warm-up is no quiet one; then 31 to 35.
  const once = await measure({ compiles: [0, 11] });
  const said = "measured again, as the log shows 2 compiles among 5 timed";
  assertEquals(brief(once.result), ["OK", "none", 0, said]);
  // The quick ones that no clock could tell are found as well.
  const twice = await measure({ compiles: [0, 11, 31] });
  assertEquals(once.seen.length, 36);
  assertEquals(brief(twice.result), [
    "INVALID",
    "found",
    2,
    `the log shows 2 compiles among the timed: warm up longer (--warmup-runs); ${said}`,
  ]);
});

Deno.test("measureCell() goes on warming up while the log shows compiles, however alike the latencies are", async () => {
  const log = (index: number) => [
    // Compiles that take no time that a clock could tell.
    ...(index === 6 || index === 12 ? [missLine(index)] : []),
    batchLine({ items: 4 }),
    ANSWER_LINE,
  ];
  const { result } = await measure({ compiles: [0], lines: log });
  // Eight quiet answers behind the last compile, looked at every second one.
  assertEquals(result.warmUp.requests, 22);
  assertEquals(result.warmUp.settled, true);
  assertEquals(brief(result), ["OK", "none", 0, ""]);
});

Deno.test("measureCell() is not watched by a log that stops, is replaced, or is another's", async () => {
  const stopped = await measure({
    lines: (index) => index < 11 ? [ANSWER_LINE] : [],
  });
  assertEquals(brief(stopped.result).slice(0, 2), ["OK", "not watched"]);
  assertEquals(
    stopped.result.compiles?.reason,
    "it shows 1 of 5 requests that were answered",
  );
  const silent = await measure({ compiles: [], lines: () => [] });
  assertEquals(
    silent.result.compiles?.reason,
    "it was silent while 5 requests were answered",
  );
  const replaced = await measure({ rotatesAt: 10 });
  assertEquals(
    [replaced.result.compiles?.level, replaced.result.compiles?.reason],
    ["not watched", "it was replaced (rotated)"],
  );
  const busy = await measure({
    compiles: [],
    lines: (index) => [missLine(index), ANSWER_LINE, ANSWER_LINE],
  });
  assertEquals(brief(busy.result).slice(0, 2), ["OK", "not watched"]);
  assertMatch(busy.result.compiles?.reason ?? "", /others use this server/);
});

Deno.test("measureCell() takes what looks like a compile for a stall where the log proves none", async () => {
  const log = new LineLog();
  const { witness, clock } = watchMemory(log);
  const result = await measureCell({ ...PLAN, numRuns: 20 }, {
    startMs: 0,
    calibration: null,
    isInterrupted: () => false,
    send: (count, firstIndex) => {
      const recorder = new SampleRecorder();
      for (let index = firstIndex; index < firstIndex + count; index++) {
        const sentMs = clock.nowMs;
        clock.nowMs += index === 0 || index === 15 ? 5000 : 10;
        const doneMs = clock.nowMs;
        const outcome: Outcome = "ok";
        const ended = { plannedMs: sentMs, sentMs, doneMs, outcome };
        recorder.end(recorder.plan(sentMs), ended, "");
        log.write(...(index === 0 ? [missLine(1)] : []), ANSWER_LINE);
      }
      return Promise.resolve(recorder.finish());
    },
    watch: {
      ...{ witness, prefixCache: "cold" },
      sendFresh: () => Promise.reject(new Error("it spoke")),
    },
  });
  assertEquals(brief(result), [
    ...["OK", "none", 0, "1 timed look like a stall"],
  ]);
  assertEquals(result.suspects.map(({ kind }) => kind), ["stall"]);
});

Deno.test("measureCell() is INVALID where the log contradicts the regime of the prefix cache", async () => {
  const cached = { items: 4, newTokens: 4, cachedTokens: 76 };
  const computed = { items: 4, newTokens: 80, cachedTokens: 0 };
  const regimeOf = async (
    prefixCache: PrefixCache,
    lines: (index: number) => readonly string[],
  ) => {
    const { result } = await measure({ prefixCache, lines });
    return [result.status, joinDoubts(result.doubts)];
  };
  const all = (figures: typeof cached) => () => [
    batchLine(figures),
    ANSWER_LINE,
  ];
  assertEquals(await regimeOf("cold", all(computed)), ["OK", ""]);
  assertEquals(await regimeOf("hot", all(cached)), ["OK", ""]);
  assertEquals(await regimeOf("shared", all(cached)), ["OK", ""]);
  assertEquals(await regimeOf("cold", all(cached)), [
    "INVALID",
    "not cold: by the log the prefix cache held 95 % of the tokens, most of them in 5 of 5 batches",
  ]);
  assertEquals(await regimeOf("hot", all(computed)), [
    "INVALID",
    "not hot: by the log the prefix cache held 0 % of the tokens, most of them in 0 of 5 batches",
  ]);
  // The items of one cold request in two batches: the second finds the query that the first left.
  const split = () => [batchLine(computed), batchLine(cached), ANSWER_LINE];
  assertEquals(await regimeOf("cold", split), ["OK", ""]);
  // Without a line for each batch nothing is said.
  assertEquals(await regimeOf("hot", () => [ANSWER_LINE]), ["OK", ""]);
});

Deno.test("useOf() counts what was sent, and what the log must show", () => {
  const samplesOf = (outcomes: readonly Outcome[]): Samples => {
    const recorder = new SampleRecorder();
    outcomes.forEach((outcome, i) => {
      const times = { plannedMs: i, sentMs: i, doneMs: i + 1 };
      recorder.end(recorder.plan(i), { ...times, outcome }, "");
    });
    return recorder.finish();
  };
  assertEquals(
    useOf([
      samplesOf(["ok", "timeout", "mismatch"]),
      samplesOf(["http-status"]),
    ]),
    { sent: 4, answered: 2, lastSentMs: 2 },
  );
  assertEquals(useOf([]), { sent: 0, answered: 0, lastSentMs: null });
});
