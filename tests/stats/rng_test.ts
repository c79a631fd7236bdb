import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
} from "@std/assert";
import {
  createRng,
  exponential,
  hash32,
  mix32,
  normal,
  type Rng,
} from "../../lib/stats/rng.ts";

function moments(draw: (rng: Rng) => number, count: number) {
  const rng = createRng("moments");
  const values = Array.from({ length: count }, () => draw(rng));
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
    count;
  return { mean, variance };
}

// Expected values of these three tests: the published algorithms (murmur3 x86_32 over one block
// a code unit, PractRand's sfc32) written again in Python.
Deno.test("hash32() is murmur3 over code units", () => {
  assertEquals(["", "a", "scorebench"].map((text) => hash32(text)), [
    0,
    721651713,
    2078066501,
  ]);
  assertEquals(hash32("scorebench", 1), 293254839);
});

Deno.test("mix32() is the finaliser of murmur3", () => {
  assertEquals([0, 1, 2, 0xffffffff].map(mix32), [
    0,
    1364076727,
    821347078,
    2180083513,
  ]);
});

Deno.test("createRng() gives the sequence of sfc32 for texts and for 0", () => {
  const four = (seed: string | number) => {
    const rng = createRng(seed);
    return [rng(), rng(), rng(), rng()];
  };
  assertEquals(four("seven"), [
    0.813329660333693,
    0.8319878047332168,
    0.3165997858159244,
    0.8939658696763217,
  ]);
  assertEquals(four(0), [
    0.8659204891882837,
    0.9000215076375753,
    0.9967767684720457,
    0.5606434913352132,
  ]);
  assertEquals(four(0), four("0"));
});

Deno.test("createRng() fills [0, 1) evenly", () => {
  const rng = createRng(1);
  const counts = Array.from({ length: 16 }, () => 0);
  for (let i = 0; i < 160_000; i++) {
    const bin = Math.floor(rng() * 16);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  assertEquals(counts.length, 16);
  // Chi square with 15 degrees of freedom lies below 37.7 with probability 0.999.
  const chi = counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
  assertLess(chi, 37.7);
  assertGreater(chi, 3.48);
});

Deno.test("normal() has mean 0 and variance 1", () => {
  const { mean, variance } = moments(normal, 100_000);
  assertAlmostEquals(mean, 0, 0.01);
  assertAlmostEquals(variance, 1, 0.02);
});

Deno.test("exponential() has mean 1 and variance 1", () => {
  const { mean, variance } = moments(exponential, 100_000);
  assertAlmostEquals(mean, 1, 0.01);
  assertAlmostEquals(variance, 1, 0.03);
});

Deno.test("normal() and exponential() are finite at the ends of the range", () => {
  assertEquals(exponential(() => 0), 0);
  assertEquals(Math.abs(normal(() => 0)), 0);
  const most = 1 - 2 ** -32;
  assertAlmostEquals(exponential(() => most), 32 * Math.LN2, 1e-12);
  assertAlmostEquals(normal(() => most), Math.sqrt(64 * Math.LN2), 1e-12);
});
