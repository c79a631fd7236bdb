/**
 * Says in words what the requests of a load hold, so that every output can say it.
 *
 * @module
 */
import {
  longest,
  scoreRequest,
  shortest,
  type WorkloadSpec,
} from "./workload.ts";

const encoder = new TextEncoder();

/**
 * Returns the size of the requests of a workload: `8 items x 4 labels x 246 bytes`, or `x 520 to 2020 tokens`; a
 * prompt is a query and one item. Requests that differ give means.
 */
export function describeSize(spec: WorkloadSpec): string {
  const labels = spec.requests?.[0]?.labelTokenIds ?? spec.labelTokenIds;
  const { items, prompt } = spec.tokens === null || spec.requests !== undefined
    ? sizeOf(spec)
    : {
      items: String(spec.batchSize),
      prompt: range(
        shortest(spec.tokens.query) + shortest(spec.tokens.item),
        longest(spec.tokens.query) + longest(spec.tokens.item),
      ) + " tokens",
    };
  return `${items} items x ${labels.length} labels x ${prompt}`;
}

/** Measures requests: those of a file, or the first that is made, of which all have one size. */
function sizeOf(spec: WorkloadSpec): { items: string; prompt: string } {
  const requests = spec.requests ?? [scoreRequest(spec, 0)];
  const counts = requests.map(({ items }) => items.length);
  const isText = typeof requests[0]?.query === "string";
  let total = 0;
  let prompts = 0;
  for (const { query, items } of requests) {
    for (const item of items) total += unitsOf(query) + unitsOf(item);
    prompts += items.length;
  }
  return {
    items: range(Math.min(...counts), Math.max(...counts)),
    prompt: `${(total / prompts).toFixed(0)} ${isText ? "bytes" : "tokens"}`,
  };
}

function unitsOf(part: string | readonly number[]): number {
  return typeof part === "string" ? encoder.encode(part).length : part.length;
}

function range(min: number, max: number): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
