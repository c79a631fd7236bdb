import { assertEquals } from "@std/assert";
import {
  type Doubt,
  joinDoubts,
  mergeDoubts,
  withDoubt,
} from "../../lib/record/doubts.ts";

const stalls = (count: number): Doubt => ({
  kind: "stall",
  text: `${count} timed look like a stall`,
  count,
});
const UNSETTLED: Doubt = {
  kind: "unsettled",
  text: "latencies had not settled after 100 warm-up requests",
  count: 100,
};
const CLIENT: Doubt = { kind: "client", text: "the client adds 1 ms" };

Deno.test("mergeDoubts() adds up what is counted and says the rest once", () => {
  assertEquals(
    mergeDoubts([[stalls(3), UNSETTLED], [UNSETTLED, stalls(1), CLIENT]]),
    [stalls(4), UNSETTLED, CLIENT],
  );
  assertEquals(mergeDoubts([[], []]), []);
});

Deno.test("joinDoubts() repeats no text, withDoubt() adds none that is there", () => {
  assertEquals(
    joinDoubts([stalls(1), CLIENT, stalls(1)]),
    "1 timed look like a stall; the client adds 1 ms",
  );
  assertEquals(joinDoubts([]), "");
  assertEquals(withDoubt(CLIENT, [stalls(1)]), [CLIENT, stalls(1)]);
  assertEquals(withDoubt(stalls(1), [stalls(1)]), [stalls(1)]);
});
