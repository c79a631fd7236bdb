/**
 * Whether a server takes the longest prompt that would be sent.
 *
 * @module
 */
import type { ServerRecord } from "../record/run.ts";
import type { DataRecord } from "../score/data.ts";
import type { DataFile } from "../score/data_file.ts";
import { longest } from "../score/workload.ts";

/** Says why a server cannot take a prompt that would be sent, or null; to be called before its first load. */
export function findTooLong(
  data: readonly DataRecord[],
  files: ReadonlyMap<string, DataFile>,
  { info }: ServerRecord,
): string | null {
  const most = mostTokens(info);
  if (most === null) return null;
  for (const { name, tokens } of data) {
    const ofFile = files.get(name)?.longest ?? null;
    const length = tokens === null
      ? ofFile?.tokens ?? 0
      : longest(tokens.query) + longest(tokens.item);
    if (length > most) {
      return `${name}${
        ofFile === null ? "" : `, line ${ofFile.line}`
      }: a prompt of at most ${most} tokens was expected, as the server takes no more, found one of ${length}`;
    }
  }
  return null;
}

/** The most tokens of a prompt: below `max_req_input_len`, else two below the context, as the contract has it. */
function mostTokens(info: ServerRecord["info"]): number | null {
  const [limit, context] = ["max_req_input_len", "context_length"]
    .map((name) => info?.[name]);
  if (typeof limit === "number") return limit - 1;
  return typeof context === "number" ? context - 2 : null;
}
