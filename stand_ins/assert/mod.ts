/**
 * A stand-in for the part of `@std/assert` that the tests call, with shorter messages.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";

/** The class of what is thrown; its arguments do not matter. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor<T> = abstract new (...args: any[]) => T;

/** The error that every failed assertion throws. */
export class AssertionError extends Error {
  /** The name of this class. */
  override readonly name = "AssertionError";
}

function equal(actual: unknown, expected: unknown): boolean {
  // By the first, 0 equals -0.
  return actual === expected || isDeepStrictEqual(actual, expected);
}

function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    iterableLimit: Infinity,
    sorted: true,
    strAbbreviateSize: Infinity,
    trailingComma: true,
  });
}

function check(
  condition: boolean,
  values: readonly unknown[],
  expected: string,
  msg = "",
): void {
  if (condition) return;
  const shown = values.map(show).join("\n\n");
  throw new AssertionError(`${expected}: ${msg}\n\n${shown}`);
}

/** Fails unless the expression is truthy. */
export function assert(expr: unknown, msg?: string): asserts expr {
  check(Boolean(expr), [expr], "a truthy value was expected", msg);
}

/** Fails unless the expression is falsy. */
export function assertFalse(expr: unknown, msg?: string): void {
  check(!expr, [expr], "a falsy value was expected", msg);
}

/** Fails unless the two values are deeply equal; a class and a missing property count. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  check(
    equal(actual, expected),
    [actual, expected],
    "the first was expected to equal the second",
    msg,
  );
}

/** Fails if the two values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T): void {
  check(
    !equal(actual, expected),
    [actual],
    "another value was expected",
  );
}

/** Fails unless `Object.is` holds for the two values. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
): asserts actual is T {
  check(
    Object.is(actual, expected),
    [actual, expected],
    "the first was expected to be the second",
  );
}

/** Fails unless the numbers differ by at most the tolerance, 1e-7 of the expected one by default. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance: number = Math.abs(expected * 1e-7),
  msg?: string,
): void {
  check(
    Object.is(actual, expected) || Math.abs(expected - actual) <= tolerance,
    [actual, expected],
    `at most ${tolerance} was expected between the two`,
    msg,
  );
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, [actual, expected], "first > second", msg);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(actual >= expected, [actual, expected], "first >= second", msg);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, [actual, expected], "first < second", msg);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(actual <= expected, [actual, expected], "first <= second", msg);
}

/** Fails unless the text contains the part. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  check(
    actual.includes(expected),
    [actual, expected],
    "the first was expected to contain the second",
    msg,
  );
}

/** Fails unless the pattern matches the text. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  check(
    expected.test(actual),
    [actual, expected],
    "the first was expected to match the second",
    msg,
  );
}

/** Fails unless the value is an instance of the class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: AnyConstructor<T>,
): asserts actual is T {
  check(
    actual instanceof expectedType,
    [actual],
    `an instance of ${expectedType.name} was expected`,
  );
}

function checkThrown<T extends Error>(
  thrown: unknown,
  errorClass: AnyConstructor<T>,
  msgIncludes: string,
): T {
  assertInstanceOf(thrown, errorClass);
  assertStringIncludes(thrown.message, msgIncludes);
  return thrown;
}

/** Fails unless the function throws an error of the class, its message holding the text; returns the error. */
export function assertThrows<T extends Error>(
  fn: () => unknown,
  errorClass: AnyConstructor<T>,
  msgIncludes = "",
): T {
  try {
    fn();
  } catch (thrown) {
    return checkThrown(thrown, errorClass, msgIncludes);
  }
  throw new AssertionError("the function was expected to throw");
}

/** Fails unless the promise rejects; resolves to the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
): Promise<unknown>;
/** Fails unless the promise rejects with an error of the class, its message holding the text; resolves to the error. */
export function assertRejects<T extends Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: AnyConstructor<T>,
  msgIncludes?: string,
): Promise<T>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  errorClass: AnyConstructor<Error> = Error,
  msgIncludes = "",
): Promise<unknown> {
  // Outside of the try: a function that throws does not reject.
  const promise = fn();
  try {
    await promise;
  } catch (reason) {
    return checkThrown(reason, errorClass, msgIncludes);
  }
  throw new AssertionError("the promise was expected to reject");
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(msg);
}
