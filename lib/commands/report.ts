/**
 * The command lines of report.ts as tables.
 *
 * @module
 */
import { flag } from "../cli/command_spec.ts";
import { MAX_FILE_MIB } from "../store.ts";
import { GATE_FLAGS } from "./gate_flags.ts";

/** Where results go, a flag of all commands but the history. */
const OUTPUT_FLAG = flag.text(
  "output FILE",
  "Write the result: .csv, .md, .html, .xml (JUnit) or .json; json:- and the like to standard output",
  { short: "o", repeat: true },
);

/** How large what is read may be, a flag of all commands. */
const MAX_FILE_FLAG = flag.integer(
  "max-file-mib N",
  "Read files of up to so many MiB; reading may take fifty times as much memory",
  { min: 1, max: 500, default: MAX_FILE_MIB },
);

/** The flags of `report.ts` with run records. */
export const RENDER_COMMAND = {
  name: "report.ts",
  summary: "Shows stored runs again, and writes them in other formats.",
  operands: {
    name: "runs",
    min: 1,
    max: 10_000,
    help: "Run records (.json), shown one after the other",
  },
  groups: [
    { title: "Input", flags: [MAX_FILE_FLAG] },
    { title: "Output", flags: [OUTPUT_FLAG] },
  ],
  examples: {
    "deno task report results/run.json --output results/run.html":
      "A page with charts",
  },
  exits: {
    0: "shown; the verdict is in the text, not in the exit code",
    2: "a flag or a file is wrong",
  },
} as const;

/** The flags of `report.ts trend`. */
export const TREND_COMMAND = {
  name: "report.ts trend",
  summary: "Shows the history of all runs below a folder, and what changed.",
  operands: {
    name: "folder",
    min: 1,
    max: 1,
    help: "A folder; all run records (.json) in it and below it are read",
  },
  groups: [
    { title: "Input", flags: [MAX_FILE_FLAG] },
    {
      title: "Output",
      flags: [
        flag.text("output FILE", "Where the page goes, .html", {
          short: "o",
          default: "results/history.html",
        }),
        flag.text(
          "repository URL",
          "Where the commits are, as https://github.com/owner/name: makes links of them",
        ),
      ],
    },
  ],
  examples: {
    "deno task report trend results/nightly": "results/history.html",
  },
  exits: {
    0: "shown, whatever is found",
    2: "a flag or the folder is wrong",
    3: "no run was found that can be used",
  },
} as const;

/** The flags of `report.ts merge`. */
export const MERGE_COMMAND = {
  name: "report.ts merge",
  summary:
    "Makes one stress record of the shards of a run over several hosts, and judges it.",
  operands: {
    name: "folder",
    min: 1,
    max: 1,
    help: "The folder that the shards had as --shard-dir",
  },
  groups: [{ title: "Output", flags: [OUTPUT_FLAG] }],
  examples: {
    "deno task report merge /shared/run1 --output results/run1.json --output results/run1.html":
      "The record that the other commands take, and a page",
  },
  exits: {
    0: "all loads passed",
    1: "a load failed",
    2: "a flag or the folder is wrong",
    3: "a load is INVALID: a shard is missing, foreign or broken, its clock was off, or its client was the limit",
  },
} as const;

/** The flags of `report.ts compare`. */
export const COMPARE_COMMAND = {
  name: "report.ts compare",
  summary: "Judges a stored result against a baseline.",
  operands: {
    name: "files",
    min: 2,
    max: 10_000,
    help:
      "BASELINE ... RESULT: .csv files or run records (.json), the result last; a baseline may be a folder",
  },
  groups: [
    { title: "Input", flags: [MAX_FILE_FLAG] },
    GATE_FLAGS,
    {
      title: "Output",
      flags: [
        OUTPUT_FLAG,
        flag.text("json-output FILE", "Write the verdict of each cell as JSON"),
      ],
    },
  ],
  examples: {
    "deno task report compare baselines/tpu-v6e.csv results/run.csv":
      "Two files",
  },
  exits: {
    0: "no regression",
    1: "a cell is slower (FAIL)",
    2: "a flag or a file is wrong",
    3: "no verdict: nothing alike to compare, too many INVALID cells, planned cells without a result, or slower by more than can be judged",
  },
} as const;
