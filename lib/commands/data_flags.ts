/**
 * The flags that say what is sent, and what their values mean together.
 *
 * @module
 */
import { type Flag, flag } from "../cli/command_spec.ts";
import { UsageError } from "../failure.ts";
import { labelIdsOf, openTokenizer } from "../score/tokenizer.ts";
import { lethalReason } from "../score/request.ts";
import {
  type DataRecord,
  type DataSource,
  parseDataSource,
  TEXT_SOURCE,
} from "../score/data.ts";
import { type DataFile, openDataFile } from "../score/data_file.ts";
import {
  type PrefixCache,
  shortest,
  UNIQUE_TOKENS,
} from "../score/workload.ts";

/** The flags that say what is sent. */
export const DATA_FLAGS = [
  flag.text(
    "data WHAT",
    "What is sent: text (default), token ids of given lengths as query=500-2000,item=20, or the requests of a file, .jsonl or .csv",
    { repeat: true },
  ),
  flag.text(
    "labels WORDS",
    "Labels as words, separated by commas, blanks included: ' yes, no' (with --tokenizer)",
  ),
  flag.text(
    "tokenizer PATH",
    "The tokenizer.json of the model, or its folder, to look up --labels",
  ),
] as const satisfies readonly Flag[];

/**
 * Reads the values of `--data`.
 *
 * @param regime The prefix-cache regime that was asked for, if any; "cold and shared" where queries and items must be new.
 * @param problems What is wrong is added here, a line each.
 * @returns At least one, each name once.
 */
export function readDataSources(
  values: readonly string[],
  regime: PrefixCache | "cold and shared" | undefined,
  problems: string[],
): DataSource[] {
  if (values.length === 0) return [TEXT_SOURCE];
  const sources = values.flatMap((value) => {
    try {
      return [parseDataSource(value)];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      problems.push(`Cannot take --data: ${error.message}`);
      return [];
    }
  });
  const names = sources.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    problems.push(
      `Cannot take two --data of the name ${twice}: their cells could not be told apart. Rename one`,
    );
  }
  if (
    regime !== undefined && regime !== "cold and shared" &&
    sources.every(({ file }) => file !== null)
  ) {
    problems.push(
      `Cannot take --prefix-cache ${regime} with files alone: what a prompt repeats is in the file`,
    );
  }
  problems.push(
    ...sources.flatMap((source) => lengthProblems(source, regime ?? "cold")),
  );
  return sources;
}

function lengthProblems(
  { name, tokens }: DataSource,
  regime: PrefixCache | "cold and shared",
): string[] {
  if (tokens === null) return [];
  return (["query", "item"] as const).filter((part) =>
    regime.includes(part === "query" ? "cold" : "shared") &&
    shortest(tokens[part]) < UNIQUE_TOKENS
  ).map((part) =>
    `Cannot take --data ${name}: a ${part} of ${UNIQUE_TOKENS} tokens or more is needed so that each is new`
  );
}

/** Says what is wrong with the ids of `--label-token-ids` for loads of these numbers of labels. */
export function labelProblems(
  ids: readonly number[] | undefined,
  numLabels: readonly number[],
): string[] {
  if (ids === undefined) return [];
  const most = Math.max(0, ...numLabels);
  const lethal = lethalReason({
    query: " ",
    items: [" "],
    labelTokenIds: ids,
    applySoftmax: true,
    model: "",
  });
  return [
    ...(ids.length < most
      ? [
        `Cannot take --label-token-ids: the cells need ${most} of them, found ${ids.length}. Give more, or fewer with --num-labels`,
      ]
      : []),
    ...(lethal === null ? [] : [
      `Cannot take --label-token-ids: ${lethal}, and such a request ends the server`,
    ]),
  ];
}

/**
 * Returns the label ids that the flags name: those of `--label-token-ids`, or of the words of `--labels`.
 *
 * @returns Undefined for none.
 * @throws {UsageError} If a word is not one token, the tokenizer cannot be read, or the flags contradict each other.
 */
export async function readLabelIds(
  { labels, tokenizer, labelTokenIds }: {
    readonly labels: string | undefined;
    readonly tokenizer: string | undefined;
    readonly labelTokenIds: readonly number[] | undefined;
  },
): Promise<readonly number[] | undefined> {
  if (labels === undefined) {
    if (tokenizer === undefined) return labelTokenIds;
    throw new UsageError(["Cannot take --tokenizer without --labels"]);
  }
  if (labelTokenIds !== undefined) {
    throw new UsageError([
      "Cannot take both --labels and --label-token-ids: give one of them",
    ]);
  }
  if (tokenizer === undefined) {
    throw new UsageError([
      "Cannot take --labels without --tokenizer: give the tokenizer.json of the model, or --label-token-ids",
    ]);
  }
  return labelIdsOf(labels.split(","), await openTokenizer(tokenizer));
}

/** Returns flags with the ids of the words of `--labels` in place of those of `--label-token-ids`. */
export async function withLabelIds<
  Given extends Parameters<typeof readLabelIds>[0],
>(flags: Given): Promise<Given> {
  return { ...flags, labelTokenIds: await readLabelIds(flags) };
}

/** What is sent, checked and ready. */
export interface OpenedData {
  readonly records: readonly DataRecord[];
  /** The files by their short names. */
  readonly files: ReadonlyMap<string, DataFile>;
}

/**
 * Reads and checks the files among what is sent.
 *
 * @param ownItems Whether each request of a file is sent with its own items.
 * @throws {UsageError} If one cannot be sent, with file and line.
 */
export async function openData(
  sources: readonly DataSource[],
  ownItems: boolean,
): Promise<OpenedData> {
  const records: DataRecord[] = [];
  const files = new Map<string, DataFile>();
  const problems: string[] = [];
  for (const { name, tokens, file } of sources) {
    if (file === null) {
      records.push({ name, tokens, file: null });
      continue;
    }
    try {
      const opened = await openDataFile(file.path, file.format);
      files.set(name, opened);
      records.push({ name, tokens, file: { ...opened.record, ownItems } });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
  return { records, files };
}
