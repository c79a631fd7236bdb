import { assertEquals } from "@std/assert";
import {
  addCompiles,
  compileNotes,
  type Compiles,
  describeCompiles,
  notWatched,
} from "../../lib/record/compiles.ts";

const NONE: Compiles = { level: "none", count: 0, seconds: null, reason: "" };
const found = (count: number, seconds: number | null): Compiles => ({
  ...NONE,
  ...{ level: "found", count, seconds },
});

Deno.test("describeCompiles() says what is known in a few words", () => {
  assertEquals(describeCompiles(NONE), "none");
  assertEquals(describeCompiles(found(3, null)), "found 3");
  assertEquals(describeCompiles(found(2, 12.3456)), "found 2 (12.3 s)");
  assertEquals(describeCompiles(notWatched("why")), "not watched");
});

Deno.test("addCompiles() never makes a proof of what was not watched", () => {
  assertEquals(addCompiles(NONE, NONE), NONE);
  assertEquals(addCompiles(NONE, notWatched("why")), notWatched("why"));
  assertEquals(addCompiles(undefined, NONE).level, "not watched");
  assertEquals(addCompiles(notWatched("why"), found(2, 1)), found(2, 1));
  assertEquals(addCompiles(found(1, 1.5), found(2, 2)), found(3, 3.5));
  assertEquals(addCompiles(found(1, null), found(2, 2)), found(3, 2));
});

Deno.test("compileNotes() says it for a whole run in one line", () => {
  assertEquals(compileNotes([{}, {}]), []);
  assertEquals(compileNotes([{ compiles: NONE }, { compiles: NONE }]), [
    "Compiles in 2 measured: none in 2, proved by the log of the server",
  ]);
  assertEquals(
    compileNotes([
      { compiles: NONE },
      { compiles: found(2, 1) },
      { compiles: found(1, 1.5) },
      ...["a", "b", "a", "c", "d"].map((reason) => ({
        compiles: notWatched(reason),
      })),
    ]),
    [
      "Compiles in 8 measured: none in 1, proved by the log of the server, found 3 (2.5 s) in 2, 5 not watched (a; b; c; ...)",
    ],
  );
});
