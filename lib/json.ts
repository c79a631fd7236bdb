/**
 * JSON that is read from servers and files, and written for people.
 *
 * @module
 */

/** What hides or reorders text and stands as it is in JSON. */
const HIDDEN_REGEXP = /[\p{Cf}\p{Zl}\p{Zp}\x7f-\x9f]/gu;

/** Writes a value as JSON in which nothing hides or reorders text. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    HIDDEN_REGEXP,
    (character) =>
      character.split("").map((unit) =>
        `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      ).join(""),
  );
}

/** Returns a JSON object, or null where the text is no JSON or another value. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}
