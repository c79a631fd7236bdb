import { assertEquals, assertLessOrEqual } from "@std/assert";
import { renderTable, type TableColumn } from "../../lib/report/table.ts";

const COLUMNS: readonly TableColumn[] = [
  { title: "Model", align: "left", isName: true },
  { title: "Batch", align: "right" },
  { title: "p50 (ms)", align: "right", rank: 1 },
  { title: "Status", align: "left" },
];
const ROWS = [
  ["meta-llama/Llama-3.1-8B-Instruct", "1", "11.7", "OK"],
  ["\x1b[31mred", "16", "112.8", "WARN"],
];

Deno.test("renderTable() frames a title, aligned rows and a footer", () => {
  assertEquals(
    renderTable(COLUMNS, ROWS, {
      title: ["RESULTS\x07"],
      footer: ["Cells: 2"],
      terminalColumns: 80,
    }),
    `\
=============================================================
RESULTS\\x07
=============================================================
 Model                            | Batch | p50 (ms) | Status
 -------------------------------- | ----- | -------- | ------
 meta-llama/Llama-3.1-8B-Instruct |     1 |     11.7 | OK
 \\x1b[31mred                      |    16 |    112.8 | WARN
=============================================================
Cells: 2
`,
  );
});

Deno.test("renderTable() shortens names, wraps heads, then leaves out columns and says so", () => {
  assertEquals(
    renderTable(COLUMNS, ROWS, { title: ["RESULTS"], terminalColumns: 33 }),
    `\
================================
RESULTS
================================
Model 1:
meta-llama/Llama-3.1-8B-Instruct
Model 2: \\x1b[31mred

 Model | Batch |    p50 | Status
       |       |   (ms) |
 ----- | ----- | ------ | ------
 1     |     1 |   11.7 | OK
 2     |    16 |  112.8 | WARN
================================
`,
  );
  const narrow = renderTable(COLUMNS, ROWS, {
    title: ["RESULTS"],
    terminalColumns: 26,
  });
  assertEquals(
    narrow.slice(narrow.indexOf(" Model | ")),
    `\
 Model | Batch | Status
 ----- | ----- | ------
 1     |     1 | OK
 2     |    16 | WARN
==========================
Columns left out to fit
the terminal: p50 (ms)
`,
  );
});

Deno.test("renderTable() draws a line across where it is asked to", () => {
  assertEquals(
    renderTable([{ title: "a", align: "left" }], [["b"], "rule", ["c"]], {
      title: ["T"],
      terminalColumns: 80,
    }),
    "==\nT\n==\n a\n -\n b\n -\n c\n==\n",
  );
});

Deno.test("renderTable() wraps text after blanks and commas, and cuts only a longer word", () => {
  const columns: readonly TableColumn[] = [
    { title: "Configuration", align: "left" },
    { title: "RPS", align: "right" },
  ];
  const rows = [
    ["duration=300s, target_rps=10", "9.8"],
    ["1,2,4,8,16,32,64", "1.0"],
    ["a b23456789012345678", "2.0"],
  ];
  assertEquals(
    renderTable(columns, rows, { title: ["T"], terminalColumns: 22 }),
    `\
=====================
T
=====================
 Configuration  | RPS
 -------------- | ---
 duration=300s, | 9.8
 target_rps=10  |
 1,2,4,8,16,32, | 1.0
 64             |
 a              | 2.0
 b2345678901234 |
 5678           |
=====================
`,
  );
});

Deno.test("renderTable() stays within the terminal when that is possible", () => {
  const options = {
    title: ["A title of some words"],
    footer: ["a b ".repeat(40)],
  };
  for (let terminalColumns = 32; terminalColumns <= 120; terminalColumns++) {
    const text = renderTable(COLUMNS, ROWS, { ...options, terminalColumns });
    for (const line of text.split("\n")) {
      assertLessOrEqual(line.length, terminalColumns);
    }
  }
});

Deno.test("renderTable() draws the head alone when there are no rows", () => {
  assertEquals(
    renderTable([{ title: "a", align: "right" }], [], {
      title: ["T"],
      terminalColumns: 80,
    }),
    "==\nT\n==\n a\n -\n==\n",
  );
});
