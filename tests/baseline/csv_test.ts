import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CSV_COLUMNS, parseResultCsv } from "../../lib/baseline/csv.ts";
import { runsToCsv } from "../../lib/report/run/text.ts";
import { exampleCell, exampleRun } from "../support/example_run.ts";

const HEADER = CSV_COLUMNS.join(",");
// 3 requests of 4 items in 10, 20 and 30 ms: 12 items in 0.06 s.
const ROW: Readonly<Record<string, string>> = {
  "batch_size": "4",
  "num_labels": "2",
  "model": "org/model",
  "dtype": "bfloat16",
  "num_runs": "3",
  "warmup_runs": "1",
  "total_items": "12",
  "throughput_ips": "200.0",
  "throughput_rps": "50.0",
  "latency_p50_ms": "20.0",
  "latency_p95_ms": "29.0",
  "latency_p99_ms": "29.8",
  "latency_mean_ms": "20.0",
  "latency_std_ms": "10.0",
  "status": "OK",
};

/** The first row of the file. */
const PYTHON_FIGURES = {
  count: 5,
  throughputItemsPerSec: 106.48778983354238,
  meanMs: 9.390748005599153,
  standardDeviationMs: 0.15802936590264294,
  p50Ms: 9.432617536850575,
  p95Ms: 9.553187423935775,
  p99Ms: 9.553187423935775,
};

function rowOf(changes: Readonly<Record<string, string>> = {}): string {
  return Object.values({ ...ROW, ...changes }).join(",");
}

function fileOf(...rows: readonly string[]): string {
  return [HEADER, ...rows, ""].join("\r\n");
}

function complaint(text: string): string {
  return assertThrows(() => parseResultCsv(text), SyntaxError).message;
}

Deno.test("parseResultCsv() reads what the specification's Python tool writes", async () => {
  const rows = parseResultCsv(
    await Deno.readTextFile("tests/testdata/python_tool.csv"),
  );
  assertEquals(
    rows.map(({ line, key }) => [line, key.batchSize, key.numLabels]),
    [[2, 1, 2], [3, 1, 4], [4, 4, 2], [5, 4, 4], [6, 16, 2], [7, 16, 4]],
  );
  assertEquals(rows[0], {
    line: 2,
    key: {
      batchSize: 1,
      numLabels: 2,
      model: "meta-llama/Llama-3.2-1B-Instruct",
      dtype: "bfloat16",
    },
    status: "OK",
    reason: "",
    figures: PYTHON_FIGURES,
  });
});

Deno.test("parseResultCsv() reads the rows with their lines, and any status", () => {
  const rows = parseResultCsv(
    fileOf(rowOf(), rowOf({ "status": "FAIL" }), rowOf({ "status": "ok" })),
  );
  assertEquals(rows.map(({ line, status }) => [line, status]), [
    [2, "OK"],
    [3, "REGRESSION"],
    [4, "OK"],
  ]);
  assertEquals(rows[0]?.figures, {
    count: 3,
    throughputItemsPerSec: 200,
    meanMs: 20,
    standardDeviationMs: 10,
    p50Ms: 20,
    p95Ms: 29,
    p99Ms: 29.8,
  });
});

Deno.test("parseResultCsv() takes line feeds, a byte order mark, quotes and exponents", () => {
  const row = rowOf({ "model": '"a,""b"', "latency_std_ms": "1e-05" });
  for (const text of [`\ufeff${HEADER}\n${row}`, `${HEADER}\n${row}\n\n`]) {
    const [first] = parseResultCsv(text);
    assertEquals(first?.key.model, 'a,"b');
    assertEquals(first?.figures?.standardDeviationMs, 0.00001);
  }
});

Deno.test("parseResultCsv() reads back what runsToCsv() wrote, INVALID rows without figures", () => {
  const key = { batchSize: 4, numLabels: 2, dtype: "bfloat16" };
  const run = exampleRun({
    cells: [
      exampleCell({
        key: { ...key, model: "=cmd()" },
        doubts: [{ kind: "other", text: "-why" }],
      }),
      exampleCell({
        key: { ...key, model: "'quoted" },
        status: "INVALID",
        doubts: [{ kind: "invalid", text: "all failed" }],
        summary: null,
      }),
    ],
  });
  const rows = parseResultCsv(runsToCsv([run]));
  assertEquals(
    rows.map(({ key, status, reason, figures }) => [
      key.model,
      status,
      reason,
      figures?.p50Ms ?? null,
    ]),
    [["=cmd()", "OK", "-why", 15], ["'quoted", "INVALID", "all failed", null]],
  );
});

Deno.test("parseResultCsv() knows no standard deviation of one sample", () => {
  const one = {
    "num_runs": "1",
    "total_items": "4",
    "latency_p95_ms": "20",
    "latency_p99_ms": "20",
  };
  for (const deviation of ["", "0.0"]) {
    const text = fileOf(rowOf({ ...one, "latency_std_ms": deviation }));
    assertEquals(
      parseResultCsv(text)[0]?.figures?.standardDeviationMs,
      null,
    );
  }
});

const FOREIGN: Readonly<Record<string, string>> = {
  "": "an empty file",
  " \r\n": "an empty file",
  "<!DOCTYPE html><p>404": "HTML or XML",
  '{"schema": 1}': "JSON",
  "[]": "JSON",
  "\0\x01\x02": "bytes that are not text",
  "PK\ufffd\ufffd": "bytes that are not text",
};

Deno.test("parseResultCsv() refuses files of other kinds", () => {
  for (const [text, found] of Object.entries(FOREIGN)) {
    assertEquals(
      complaint(text),
      `line 1: a CSV with the columns ${HEADER} was expected, found ${found}`,
    );
  }
  assertStringIncludes(
    complaint(`${HEADER}\n${" ".repeat(33 * 1024 * 1024)}`),
    "found more than 33554432 characters",
  );
});

Deno.test("parseResultCsv() refuses a header that is not the specification's", () => {
  const cases: [header: string, message: string][] = [
    [HEADER, "line 2: a row was expected, the file ends"],
    [
      `${HEADER},status`,
      'line 1: each column once was expected, found "status" twice',
    ],
    [
      HEADER.replace("num_runs,", ""),
      "line 1: column num_runs was expected, not found",
    ],
    [
      HEADER.replaceAll("_ms", "_s"),
      "line 1: column latency_p50_ms, latency_p95_ms, latency_p99_ms, latency_mean_ms, latency_std_ms was expected, not found; " +
      'latencies are in milliseconds, found "latency_p50_s", "latency_p95_s", "latency_p99_s", "latency_mean_s", "latency_std_s"',
    ],
    [
      HEADER.replace("batch_size,num_labels", "num_labels,batch_size"),
      'line 1: batch_size was expected as column 1, found "num_labels"',
    ],
    [
      `"${HEADER}`,
      `line 1: a row of CSV was expected, found a quote that does not close on its line (a line feed inside quotes is not taken: take it out): ${
        JSON.stringify(`"${HEADER}`.slice(0, 60) + "...")
      }`,
    ],
  ];
  for (const [header, message] of cases) {
    const rest = message.startsWith("line 2") ? "" : `\r\n${rowOf()}\r\n`;
    assertEquals(complaint(header + rest), message);
  }
});

const BAD_CELLS: [changes: Record<string, string>, message: string][] = [
  [
    { "batch_size": "0" },
    'batch_size: a whole number from 1 on was expected, found "0"',
  ],
  [
    { "num_labels": "2.0" },
    'num_labels: a whole number from 1 on was expected, found "2.0"',
  ],
  [{ "model": " " }, 'model: a name was expected, found " "'],
  [
    { "num_runs": "-3" },
    'num_runs: a whole number from 1 on was expected, found "-3"',
  ],
  [
    { "warmup_runs": "" },
    'warmup_runs: a whole number from 0 on was expected, found ""',
  ],
  [
    { "total_items": "11" },
    'total_items: batch_size x num_runs = 12 was expected, found "11"',
  ],
  ...["nan", "inf", "-1", "12abc", "", "0x10", "1e999"].map((
    value,
  ): [Record<string, string>, string] => [
    { "latency_std_ms": value },
    `latency_std_ms: a number, not below 0 and not infinite, was expected, found "${value}"`,
  ]),
  [
    { "latency_p50_ms": "0.0" },
    'latency_p50_ms: a number above 0 was expected, found "0.0"',
  ],
  [
    { "latency_p50_ms": "0.020" },
    'latency_p50_ms: 20, the mean, more or less the standard deviation of 10 was expected, found "0.020"',
  ],
  [
    { "latency_p95_ms": "19" },
    'latency_p95_ms: the p50 of 20 or more was expected, found "19"',
  ],
  [
    { "latency_p99_ms": "28" },
    'latency_p99_ms: the p95 of 29 or more was expected, found "28"',
  ],
  [
    { "throughput_rps": "51" },
    'throughput_rps: 50 (1000 / latency_mean_ms; latencies in milliseconds) was expected, found "51"',
  ],
  [
    { "status": "GOOD" },
    'status: one of OK, WARN, REGRESSION, IMPROVED, INCONCLUSIVE, NEW, INVALID was expected, found "GOOD"',
  ],
  [
    { "status": `${"x".repeat(100)}` },
    `status: one of OK, WARN, REGRESSION, IMPROVED, INCONCLUSIVE, NEW, INVALID was expected, found "${
      "x".repeat(60)
    }..."`,
  ],
];

for (const [changes, message] of BAD_CELLS) {
  const shown = JSON.stringify(changes).slice(0, 50);
  Deno.test(`parseResultCsv() refuses ${shown} with line and column`, () => {
    assertEquals(
      complaint(fileOf(rowOf(), rowOf(changes))),
      `line 3, ${message}`,
    );
  });
}

Deno.test("parseResultCsv() notices seconds in columns of milliseconds", () => {
  const seconds = Object.fromEntries(
    Object.entries(ROW).flatMap(([name, value]) =>
      name.startsWith("latency_") ? [[name, String(Number(value) / 1000)]] : []
    ),
  );
  assertEquals(
    complaint(fileOf(rowOf(seconds))),
    'line 2, throughput_ips: 200000 (1000 x batch_size / latency_mean_ms; latencies in milliseconds) was expected, found "200.0"',
  );
});

Deno.test("parseResultCsv() takes rounded values, up to one in a hundred", () => {
  assertEquals(
    parseResultCsv(fileOf(rowOf({ "throughput_ips": "201.9" }))).length,
    1,
  );
  assertStringIncludes(
    complaint(fileOf(rowOf({ "throughput_ips": "202.1" }))),
    "line 2, throughput_ips",
  );
});

Deno.test("parseResultCsv() refuses rows that are too short, too long, repeated headers and torn files", () => {
  assertEquals(
    complaint(fileOf(rowOf(), `${rowOf()},1`)),
    "line 3: 15 cells were expected, found 16",
  );
  assertEquals(
    complaint(fileOf(rowOf(), "", rowOf())),
    "line 3: 15 cells were expected, found 0",
  );
  assertEquals(
    complaint(fileOf(rowOf(), HEADER, rowOf())),
    'line 3, batch_size: a whole number from 1 on was expected, found "batch_size"',
  );
  const whole = fileOf(rowOf(), rowOf()).trimEnd();
  const second = whole.lastIndexOf("\n") + 1;
  for (let length = second + 1; length < whole.length; length++) {
    assertStringIncludes(complaint(whole.slice(0, length)), "line 3");
  }
});

Deno.test("parseResultCsv() does not run on over a line with an open quote", () => {
  assertEquals(
    complaint(fileOf(rowOf({ "model": '"open' }), rowOf())),
    `line 2: a row of CSV was expected, found a quote that does not close on its line (a line feed inside quotes is not taken: take it out): ${
      JSON.stringify(rowOf({ "model": '"open' }).slice(0, 60) + "...")
    }`,
  );
});

Deno.test("parseResultCsv() names a separator that is no comma", () => {
  for (const separator of [";", "\t"]) {
    const error = assertThrows(
      () =>
        parseResultCsv(
          `batch_size${separator}num_labels\n1${separator}2\n`,
        ),
      SyntaxError,
    );
    assertEquals(
      error.message,
      `line 1: columns separated by commas were expected, found ${
        JSON.stringify(separator)
      } between them: save the file with commas, and with points in its numbers`,
    );
  }
});
