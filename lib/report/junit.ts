/**
 * Results as JUnit XML, which CI systems show as tests: a test case for each cell.
 *
 * The shape is the one that the schema of Jenkins' xunit plugin allows (junit-10.xsd in
 * https://github.com/jenkinsci/xunit-plugin, where `testsuites` has no `skipped`) and that GitLab reads.
 *
 * @module
 */
import type { CellKey, Status } from "../record/run.ts";
import { shownChange, shownStatus } from "./comparison.ts";
import { SIMULATED_NOTE } from "./markdown.ts";
import { escapeXml } from "./markup.ts";
import { shownFigures } from "./columns.ts";
import type { CellView, ReportView } from "./view.ts";
import { describeCell } from "../record/cells.ts";

/** What a status is to a test: REGRESSION fails, INVALID is an error, what could not be judged was skipped. */
const ELEMENTS: Readonly<
  Record<Status, "failure" | "error" | "skipped" | null>
> = {
  OK: null,
  WARN: null,
  IMPROVED: null,
  REGRESSION: "failure",
  INVALID: "error",
  INCONCLUSIVE: "skipped",
  NEW: "skipped",
};

/** One test case: what it is called and how it ended. */
export interface TestCase {
  /** Its name; not escaped. */
  readonly name: string;
  /** How it did not pass; null if it did. */
  readonly element: "failure" | "error" | "skipped" | null;
  /** Why, in words; not escaped. */
  readonly message: string;
  readonly timeSeconds: number;
  /** What is shown with it; not escaped, empty for nothing. */
  readonly output: string;
}

/** The test cases of one result. */
export interface TestSuite {
  /** Its name; not escaped. */
  readonly name: string;
  /** By what CI systems group its cases: words with dots between; not escaped. */
  readonly className: string;
  readonly cases: readonly TestCase[];
}

/** Writes results as JUnit XML. */
export function renderJunit(views: readonly ReportView[]): string {
  return suitesToXml(views.map((view) => ({
    name: `scorebench: ${view.title}${
      view.isSimulated ? `. ${SIMULATED_NOTE}` : ""
    }`,
    className: view.isSimulated ? "scorebench.simulated" : "scorebench.bench",
    cases: [
      ...view.cells.map(caseOf),
      ...missingCases(view),
      // Without it, a comparison that came to nothing would show as passed.
      ...(view.comparison?.failure
        ? [{
          name: "verdict of the whole run",
          element: "error" as const,
          message: view.comparison.failure,
          timeSeconds: 0,
          output: view.notes.join("\n"),
        }]
        : []),
    ],
  })));
}

/** What was not measured was skipped: left out, it would pass for passed. */
function missingCases({ comparison }: ReportView): TestCase[] {
  return (comparison?.missing ?? []).map((key) => ({
    name: caseName(describeCell(key), key),
    element: "skipped",
    message: "in the baseline, but not measured in this run",
    timeSeconds: 0,
    output: "",
  }));
}

/** Writes test suites as JUnit XML. */
export function suitesToXml(suites: readonly TestSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts(all)}>`,
    ...suites.flatMap(({ name, className, cases }) => [
      `  <testsuite name="${escapeXml(name)}" ${counts(cases)} skipped="${
        cases.filter(({ element }) => element === "skipped").length
      }">`,
      ...cases.flatMap((one) => caseLines(one, className)),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

function counts(cases: readonly TestCase[]): string {
  const of = (element: TestCase["element"]) =>
    cases.filter((one) => one.element === element).length;
  const timeSeconds = cases.reduce((sum, one) => sum + one.timeSeconds, 0);
  return `tests="${cases.length}" failures="${of("failure")}" errors="${
    of("error")
  }" time="${timeSeconds.toFixed(3)}"`;
}

function caseLines(
  { name, element, message, timeSeconds, output }: TestCase,
  className: string,
): string[] {
  const open = `    <testcase classname="${escapeXml(className)}" name="${
    escapeXml(name)
  }" time="${timeSeconds.toFixed(3)}">`;
  return [
    open,
    ...(element === null
      ? []
      : [`      <${element} message="${escapeXml(message)}"/>`]),
    ...(output === "" ? [] : [
      `      <system-out>${
        output.split("\n").map(escapeXml).join("\n")
      }</system-out>`,
    ]),
    "    </testcase>",
  ];
}

function caseName(name: string, { model, dtype }: CellKey): string {
  return `${name} (${model}, ${dtype})`;
}

function caseOf(cell: CellView): TestCase {
  const { key, name, status, reason, summary, verdict, failures } = cell;
  const timesMs = cell.passes.flatMap(({ samples: { doneMs, sentMs } }) =>
    doneMs.map((done, i) => done - (sentMs[i] ?? done))
  );
  return {
    name: caseName(name, key),
    element: ELEMENTS[status],
    message: `${shownStatus(status)}: ${reason || "no reason was stored"}`,
    timeSeconds: timesMs.reduce((sum, timeMs) => sum + timeMs, 0) / 1000,
    output: [
      ...(summary === null ? [] : [shownFigures(cell)]),
      ...(verdict === null ? [] : [`throughput ${shownChange(verdict)}`]),
      ...(status === "WARN" ? [`WARN: ${reason}`] : []),
      ...failures.map(({ outcome, count, example }) =>
        `${count} x ${outcome}: ${example}`
      ),
    ].join("\n"),
  };
}
