/**
 * Deep equality with the rules of `@std/assert`: own and inherited properties
 * count, `0` equals `-0`, `NaN` equals `NaN`, and an absent property differs
 * from an undefined one.
 *
 * @module
 */

const STRING_COMPARED: readonly unknown[] = [
  RegExp.prototype,
  URL.prototype,
  URLSearchParams.prototype,
];

function prototypeOf(value: object): unknown {
  // A record made by Object.create(null) counts as a plain object.
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function isPlain(prototype: unknown): boolean {
  return prototype === Object.prototype || prototype === Array.prototype;
}

function keysOf(value: object): Set<PropertyKey> {
  // Hidden properties count on instances of classes (the message of an Error),
  // but not on plain objects.
  if (!isPlain(prototypeOf(value))) return new Set(Reflect.ownKeys(value));
  return new Set(Reflect.ownKeys({ ...value }));
}

function equalMembers(
  actual: Iterable<unknown>,
  expected: Iterable<unknown>,
  seen: Map<unknown, unknown>,
): boolean {
  const rest = [...expected];
  for (const member of actual) {
    const index = rest.findIndex((other) => compare(member, other, seen));
    if (index < 0) return false;
    rest.splice(index, 1);
  }
  return rest.length === 0;
}

function compareObjects(
  actual: object,
  expected: object,
  seen: Map<unknown, unknown>,
): boolean {
  const prototype = prototypeOf(actual);
  if (prototype !== prototypeOf(expected)) return false;
  if (actual instanceof Date) return Object.is(+actual, +(expected as Date));
  if (STRING_COMPARED.includes(prototype)) {
    return String(actual) === String(expected);
  }
  if (actual instanceof ArrayBuffer) {
    return compare(
      new Uint8Array(actual),
      new Uint8Array(expected as ArrayBuffer),
      seen,
    );
  }
  // A pair already under comparison can only differ somewhere else.
  if (seen.get(actual) === expected) return true;
  seen.set(actual, expected);
  if (actual instanceof Map || actual instanceof Set) {
    const members = expected as Iterable<unknown>;
    if (!equalMembers(actual, members, seen)) return false;
  }
  const keys = keysOf(actual);
  if (keys.symmetricDifference(keysOf(expected)).size > 0) return false;
  return [...keys].every((key) =>
    compare(Reflect.get(actual, key), Reflect.get(expected, key), seen)
  );
}

function compare(
  actual: unknown,
  expected: unknown,
  seen: Map<unknown, unknown>,
): boolean {
  if (actual === expected || Object.is(actual, expected)) return true;
  if (typeof actual !== "object" || typeof expected !== "object") return false;
  if (actual === null || expected === null) return false;
  return compareObjects(actual, expected, seen);
}

/** Tells whether two values are deeply equal. */
export function equal(actual: unknown, expected: unknown): boolean {
  return compare(actual, expected, new Map());
}
