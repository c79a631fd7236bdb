import { assertEquals } from "@std/assert";
import type { Doubt } from "../../lib/record/doubts.ts";
import {
  doubtNotes,
  failureNotes,
  verdictNotes,
} from "../../lib/report/notes.ts";

const pause = (count: number): Doubt => ({
  kind: "pause",
  text: `${count} timed met a pause of the client`,
  count,
});
const invalid = (text: string): Doubt => ({ kind: "invalid", text });

Deno.test("doubtNotes() says of one cell what it is, of several how many and where most, the gravest first", () => {
  assertEquals(doubtNotes([{ name: "A", doubts: [pause(3)] }]), [
    "A: 3 timed met a pause of the client",
  ]);
  assertEquals(
    doubtNotes([
      { name: "A", doubts: [pause(3)] },
      { name: "B", doubts: [pause(12), invalid("all failed")] },
      { name: "C", doubts: [invalid("all failed")] },
      { name: "D", doubts: [invalid("2 failed")] },
    ]),
    [
      "2 cells (B; C): all failed",
      "D: 2 failed",
      "2 cells met a pause of the client (most: B, 12 samples)",
    ],
  );
});

Deno.test("doubtNotes() counts the names that are too many", () => {
  const cells = ["A", "B", "C", "D", "E", "F"].map((name) => ({
    name,
    doubts: [invalid("all failed")],
  }));
  assertEquals(doubtNotes(cells), [
    "6 cells (A; B; C; D; 2 more): all failed",
  ]);
});

Deno.test("failureNotes() adds up what was said alike, the most frequent first", () => {
  const failure = (count: number, example: string) => ({
    outcome: "timeout" as const,
    count,
    example,
  });
  assertEquals(
    failureNotes([
      { name: "A", failures: [failure(1, "late"), failure(2, "gone")] },
      { name: "B", failures: [failure(3, "late")] },
    ]),
    ["4 x timeout: late (2 cells (A; B))", "2 x timeout: gone (A)"],
  );
});

Deno.test("verdictNotes() groups cells by status and reason, without the numbers of the table", () => {
  const cell = (
    name: string,
    status: "REGRESSION" | "OK" | "INCONCLUSIVE",
    reason: string,
  ) => ({
    name,
    status,
    verdict: {
      changePercent: -20,
      intervalPercent: null,
      baselineRuns: 5,
      moreRuns: null,
      reason: `throughput -20.0 %, of all cells -1.0 %: ${reason}`,
    },
  });
  assertEquals(
    verdictNotes([
      cell("A", "INCONCLUSIVE", "it may be chance; 3 more runs would decide"),
      cell("B", "INCONCLUSIVE", "it may be chance; 7 more runs would decide"),
      cell("C", "REGRESSION", "a drop that chance does not explain"),
      cell("D", "OK", "a drop would have shown"),
    ]),
    [
      "FAIL, C: a drop that chance does not explain",
      "INCONCLUSIVE, 2 cells (A; B): it may be chance",
    ],
  );
});
