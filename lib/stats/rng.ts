/**
 * Seeded chance: one small generator, one hash, and the distributions drawn from them.
 *
 * @module
 */

/** A source of uniform numbers in [0, 1) with 32 random bits each. */
export type Rng = () => number;

/**
 * Returns a seeded uniform generator.
 *
 * sfc32 by Chris Doty-Humphrey (PractRand), state filled through {@linkcode hash32};
 * period at least 2^32. The same seed gives the same sequence on every machine.
 *
 * @param seed Any text or safe integer; 0 is a seed like any other.
 */
export function createRng(seed: string | number): Rng {
  const text = String(seed);
  let a = hash32(text, 0x9e3779b9);
  let b = hash32(text, 0x243f6a88);
  let c = hash32(text, 0xb7e15162);
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4294967296;
  };
  // The author's recommended number of rounds before the state is well mixed.
  for (let i = 0; i < 15; i++) next();
  return next;
}

/**
 * Hashes text to an unsigned 32-bit integer (murmur3, over UTF-16 code units).
 *
 * @param text The text; its length matters.
 * @param salt A 32-bit integer that selects one of many hash functions.
 */
export function hash32(text: string, salt = 0): number {
  let hash = salt | 0;
  for (let i = 0; i < text.length; i++) {
    let k = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  return mix32(hash ^ text.length);
}

/** Mixes a 32-bit integer so that each input bit moves half of the output bits (murmur3 finaliser). */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Draws from the standard normal distribution (Box and Muller, 1958). */
export function normal(rng: Rng): number {
  // 1 - u is in (0, 1], so the logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(1 - rng()));
  return radius * Math.cos(2 * Math.PI * rng());
}

/** Draws from the exponential distribution with mean 1: the gaps of a Poisson process of rate 1. */
export function exponential(rng: Rng): number {
  return -Math.log(1 - rng());
}
