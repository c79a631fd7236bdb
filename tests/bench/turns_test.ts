import { assertEquals } from "@std/assert";
import { turns } from "../../lib/bench/turns.ts";

Deno.test("turns() interleaves A and B, so that what drifts evenly touches both alike", () => {
  const order = (repeats: number) =>
    turns(repeats).map(({ side }) => side).join("");
  assertEquals([1, 2, 3, 4].map(order), ["ab", "abba", "abbaab", "abbaabba"]);
  assertEquals(turns(3).map(({ repeat }) => repeat), [0, 0, 1, 1, 2, 2]);
});
