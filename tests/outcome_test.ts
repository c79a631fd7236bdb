import { assertEquals } from "@std/assert";
import {
  isConnectionLost,
  isWrongAnswer,
  outcomeCode,
  OUTCOMES,
} from "../lib/outcome.ts";

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

Deno.test("isConnectionLost() and isWrongAnswer() hold no outcome in common", () => {
  const those = (
    is: (failure: { outcome: typeof OUTCOMES[number] }) => boolean,
  ) => OUTCOMES.filter((outcome) => is({ outcome }));
  assertEquals(those(isConnectionLost), ["connect", "reset", "truncated"]);
  assertEquals(those(isWrongAnswer), [
    "invalid-json",
    "invalid-shape",
    "invalid-score",
    "mismatch",
  ]);
});
