/**
 * What a server tells of its memory and queue: `/get_server_info` of SGLang-JAX, Prometheus text,
 * and the list of processes.
 *
 * @module
 */

/** What one look at a server showed; null where it does not tell. */
export interface ServerReading {
  readonly residentBytes: number | null;
  /** Tokens of the KV pool that are free or hold cached prefixes. */
  readonly spareTokens: number | null;
  /** Requests that wait for a batch, as the server counts them: one an item. */
  readonly queued: number | null;
}

/** What Prometheus text tells; null where a metric is missing. */
export interface MetricsReading
  extends Pick<ServerReading, "residentBytes" | "queued"> {
  /** Tokens of the KV pool that are neither free nor hold cached prefixes. */
  readonly usedTokens: number | null;
}

/** Reads the answer of `/get_server_info`: the sum over its schedulers. */
export function readServerInfo(
  info: Readonly<Record<string, unknown>>,
): Pick<ServerReading, "spareTokens" | "queued"> {
  const states = Array.isArray(info["internal_states"])
    ? info["internal_states"] as unknown[]
    : [];
  const total = (name: string) => {
    const values = states.map((state) =>
      typeof state === "object" && state !== null
        ? (state as Record<string, unknown>)[name]
        : null
    );
    return values.length > 0 &&
        values.every((value) => typeof value === "number")
      ? values.reduce((sum: number, value) => sum + Number(value), 0)
      : null;
  };
  const free = total("available_kv_tokens");
  const cached = total("tree_cache_size");
  return {
    spareTokens: free === null || cached === null ? null : free + cached,
    queued: total("waiting_queue_size"),
  };
}

const METRIC_REGEXP =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})?\s+(-?[0-9.]+(?:e[+-]?[0-9]+)?)(?:\s+\d+)?$/i;

/**
 * Reads Prometheus text: the sum of each metric over its labels. The names are those of the Python
 * client's process collector and of SGLang's metrics, see
 * https://docs.sglang.ai/references/production_metrics.html; `sglang:token_usage` says no more than
 * `sglang:num_used_tokens`, and that rounded.
 *
 * @param text The body of `/metrics`.
 */
export function readMetrics(text: string): MetricsReading {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] = METRIC_REGEXP.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return {
    residentBytes: sums.get("process_resident_memory_bytes") ?? null,
    queued: sums.get("sglang:num_queue_reqs") ?? null,
    usedTokens: sums.get("sglang:num_used_tokens") ?? null,
  };
}

/**
 * Adds up the resident memory of a process and all its descendants.
 *
 * @param listing What `ps -A -o pid= -o ppid= -o rss=` prints: a process a line, memory in KiB.
 * @param pid The process.
 * @returns Bytes, or null when there is no such process.
 */
export function readProcessTree(listing: string, pid: number): number | null {
  const processes = listing.split("\n").flatMap((line) => {
    const [id, parent, kib] = line.trim().split(/\s+/).map(Number);
    return id === undefined || parent === undefined || kib === undefined
      ? []
      : [{ id, parent, kib }];
  });
  const family = new Set([pid]);
  // A child may stand before its parent in the list.
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const { id, parent } of processes) {
      if (family.has(parent)) family.add(id);
    }
  }
  if (!processes.some(({ id }) => id === pid)) return null;
  return processes.filter(({ id }) => family.has(id))
    .reduce((bytes, { kib }) => bytes + kib * 1024, 0);
}
