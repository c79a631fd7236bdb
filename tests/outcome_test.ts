import { assertEquals } from "@std/assert";
import { OUTCOME_MEANINGS, outcomeCode, OUTCOMES } from "../lib/outcome.ts";

Deno.test("outcomeCode() keeps the codes of the stored format", () => {
  // The order is stored: a change of a line here breaks old files.
  assertEquals(OUTCOMES.map((name) => [outcomeCode(name), name]), [
    [0, "ok"],
    [1, "http-status"],
    [2, "timeout"],
    [3, "connect"],
    [4, "reset"],
    [5, "truncated"],
    [6, "protocol"],
    [7, "too-large"],
    [8, "invalid-json"],
    [9, "invalid-shape"],
    [10, "invalid-score"],
    [11, "mismatch"],
    [12, "aborted"],
    [13, "dropped"],
  ]);
});

Deno.test("OUTCOME_MEANINGS explains each outcome in its own words", () => {
  assertEquals(Object.keys(OUTCOME_MEANINGS), [...OUTCOMES]);
  const meanings = Object.values(OUTCOME_MEANINGS);
  assertEquals(new Set(meanings).size, OUTCOMES.length);
  assertEquals(meanings.filter((meaning) => meaning.length < 10), []);
});
