/**
 * A stand-in for the part of `@std/assert` that the tests call: the same
 * functions, conditions and error class, with shorter failure messages.
 *
 * @module
 */

import { equal } from "./equal.ts";

/** A constructor whose instances `instanceof` can recognise. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor<T> = abstract new (...args: any[]) => T;

/** The error that every failed assertion throws. */
export class AssertionError extends Error {
  /** The name of this class. */
  override readonly name = "AssertionError";
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
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

function check(condition: boolean, message: () => string): void {
  if (!condition) throw new AssertionError(message());
}

/** Fails unless the expression is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  check(Boolean(expr), () => msg);
}

/** Fails unless the expression is falsy. */
export function assertFalse(
  expr: unknown,
  msg = "",
): asserts expr is false | 0 | 0n | "" | null | undefined {
  check(!expr, () => msg);
}

/** Fails unless the two values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  check(
    equal(actual, expected),
    () =>
      `Values are not equal${suffix(msg)}\n\nActual:\n${show(actual)}\n\n` +
      `Expected:\n${show(expected)}\n`,
  );
}

/** Fails if the two values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  check(
    !equal(actual, expected),
    () =>
      `Expected actual: ${show(actual)} not to be: ${show(expected)}` +
      suffix(msg),
  );
}

/** Fails unless `Object.is` holds for the two values. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  check(
    Object.is(actual, expected),
    () =>
      `Values are not strictly equal${suffix(msg)}\n\nActual:\n` +
      `${show(actual)}\n\nExpected:\n${show(expected)}\n`,
  );
}

/** Fails unless the numbers differ by at most the tolerance, 1e-7 of the expected one by default. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const limit = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  check(
    Math.abs(expected - actual) <= limit,
    () =>
      `Expected actual: "${actual}" to be close to "${expected}": delta ` +
      `"${Math.abs(expected - actual)}" is greater than "${limit}"` +
      suffix(msg),
  );
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(
    actual > expected,
    () => msg ?? `Expect ${show(actual)} > ${show(expected)}`,
  );
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(
    actual >= expected,
    () => msg ?? `Expect ${show(actual)} >= ${show(expected)}`,
  );
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(
    actual < expected,
    () => msg ?? `Expect ${show(actual)} < ${show(expected)}`,
  );
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(
    actual <= expected,
    () => msg ?? `Expect ${show(actual)} <= ${show(expected)}`,
  );
}

/** Fails unless the text contains the part. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  check(
    actual.includes(expected),
    () =>
      `Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`,
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
    () => `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
  );
}

/** Fails if the value is null or undefined. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  check(
    actual !== null && actual !== undefined,
    () =>
      `Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`,
  );
}

/** Fails unless the value is an instance of the class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: AnyConstructor<T>,
  msg?: string,
): asserts actual is T {
  check(
    actual instanceof expectedType,
    () =>
      `Expected object to be an instance of "${expectedType.name}"` +
      ` but was ${show(actual)}${suffix(msg)}`,
  );
}

function checkError<T>(
  error: unknown,
  errorClass: AnyConstructor<T>,
  options: { msgIncludes: string | undefined; msg: string | undefined },
): T {
  const { msgIncludes, msg } = options;
  assertInstanceOf(error, Error, msg);
  assertInstanceOf(error, errorClass, msg);
  check(
    error.message.includes(msgIncludes ?? ""),
    () =>
      `Expected error message to include "${msgIncludes}", but got ` +
      `"${error.message}"${suffix(msg)}`,
  );
  return error;
}

/** Fails unless the function throws an error of the class, its message holding the text; returns the error. */
export function assertThrows<T extends Error = Error>(
  fn: () => unknown,
  errorClass: AnyConstructor<T>,
  msgIncludes?: string,
  msg?: string,
): T;
/** Fails unless the function throws; returns what was thrown. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows(
  fn: () => unknown,
  errorClass?: AnyConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const note = suffix(typeof errorClass === "string" ? errorClass : msg);
  try {
    fn();
  } catch (thrown) {
    if (typeof errorClass !== "function") return thrown;
    return checkError(thrown, errorClass, { msgIncludes, msg });
  }
  throw new AssertionError(`Expected function to throw${note}`);
}

/** Fails unless the returned promise rejects with an error of the class, its message holding the text; resolves to the error. */
export function assertRejects<T extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: AnyConstructor<T>,
  msgIncludes?: string,
  msg?: string,
): Promise<T>;
/** Fails unless the returned promise rejects; resolves to the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  errorClass?: AnyConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const note = suffix(typeof errorClass === "string" ? errorClass : msg);
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    throw new AssertionError(`Function throws when expected to reject${note}`);
  }
  try {
    await promise;
  } catch (reason) {
    if (typeof errorClass !== "function") return reason;
    return checkError(reason, errorClass, { msgIncludes, msg });
  }
  throw new AssertionError(`Expected function to reject${note}`);
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Fails when code runs that cannot be reached. */
export function unreachable(msg?: string): never {
  throw new AssertionError(`Unreachable${suffix(msg)}`);
}
