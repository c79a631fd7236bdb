import { assert, assertEquals } from "@std/assert";
import {
  checkAnswer,
  expectedAnswer,
  judgeExchange,
} from "../../lib/score/answer.ts";
import { scanScores } from "../../lib/score/scan.ts";
import { createRng } from "../../lib/stats/rng.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** The end of the scores and the sums of the rows, as they are scanned. */
function scan(text: string, rows: number, labels: number) {
  const sums: number[] = [];
  const end = scanScores(encode(text), {
    rows,
    labels,
    isRightSum: (sum) => sums.push(sum) > 0,
  });
  return { end, sums };
}

Deno.test("scanScores() reads every number that servers write", () => {
  const rng = createRng("numbers");
  const numbers = [
    ...[0, 1, 1e-7, 9.5e-5, 1e-300, 0.1, 1 / 3, 0.9851454496383667],
    ...Array.from({ length: 2000 }, () => rng() ** 8),
  ];
  const texts = [
    ...numbers.map((number) => JSON.stringify(number)),
    ...["0.0", "1.0", "9.5e-05", "0.000000", "0E-7", "1.25e-010"],
    // Floats of 32 bits as some servers print them.
    "0.333333343267440795898437500000",
  ];
  for (const text of texts) {
    const { end, sums } = scan(`{"scores":[[${text}]]`, 1, 1);
    assertEquals(end, 14 + text.length, text);
    const found = sums[0] ?? NaN;
    const value = JSON.parse(text);
    assert(Math.abs(found - value) <= 1e-15, `${text}: ${found}`);
  }
});

Deno.test("scanScores() ends after the scores, and looks at the sum of each row", () => {
  const text = '{"scores":[[0.25,0.75],[0.5,0.125]],"model":"m"}';
  assertEquals(scan(text, 2, 2), { end: 35, sums: [1, 0.625] });
  const isRightSum = (sum: number) => sum === 1;
  assertEquals(
    scanScores(encode(text), { rows: 2, labels: 2, isRightSum }),
    -1,
  );
});

Deno.test("scanScores() leaves all that is unusual to others", () => {
  const bodies = [
    "",
    "{",
    '{"scores":[',
    '{"scores":[[0.5]',
    '{"scores":[[0.5],[0.5]]',
    '{"scores":[[0.5,0.5]]',
    '{"scores":[[]]',
    '{"scores":[0.5]',
    '{"scores": [[0.5]]',
    '{"scores":[[ 0.5]]',
    '{"scores":[[0.5]]'.slice(0, -1),
    ...["-0.5", "1.5", "2", "01", "00.5", ".5", "0.", "+0.5", "0x1", "10"],
    ...[
      "1e",
      "1e-",
      "1e5",
      "1e+0",
      "0.5e-5.5",
      "NaN",
      "null",
      '"0.5"',
      "1e-999",
    ],
    ...["0.5.5", "0.5e-1e-1", "0..5", "12345678901234567890"],
  ].map((text) => text.startsWith("{") ? text : `{"scores":[[${text}]]`);
  for (const body of bodies) assertEquals(scan(body, 1, 1).end, -1, body);
});

Deno.test("judgeExchange() says of every body what checkAnswer() says, however it was changed", () => {
  const rng = createRng("changes");
  const expected = [true, false].map((applySoftmax) =>
    expectedAnswer(
      { batchSize: 2, labelTokenIds: [1, 2], applySoftmax },
      "float32",
    )
  );
  const bodies = [
    '{"scores":[[0.25,0.75],[0.5,0.5]],"model":"m","usage":null}',
    '{"scores":[[0.0148545540869236,0.9851454496383667],[1,0]]}',
    '{"scores":[[9.5e-05,0.999905],[1.0,0.0]],"scores":[]}',
    '{"scores":[[0.25,0.75],[0.5,0.5]],"scores":[[0.25,0.75],[0.5,0.5]]}',
    '{"scores":[[0.25,0.75],[0.5,0.5]],}',
    '{"scores":[[0.25,0.75],[0.5,0.5]]"model":"m"}',
    '{"scores":[[0.25,0.7501],[0.5,0.5]] , "model":"m"}',
    '{"scores":[[0.25,0.7501],[0.5,0.49990000001]],"__proto__":{"scores":1}}',
    '{"scores":[[0.25,0.75],[0.5,0.5]],"model":"\\ud800é"}',
  ];
  const pieces = [...'0123456789.eE+-,[]{}": \\', '"scores":', "[]", "\xff"];
  let right = 0;
  for (let i = 0; i < 30_000; i++) {
    let bytes = encode(bodies[i % bodies.length] ?? "");
    for (let change = i < 100 ? 0 : 1 + i % 3; change > 0; change--) {
      const at = Math.floor(rng() * bytes.length);
      const piece = pieces[Math.floor(rng() * pieces.length)] ?? "";
      const put = piece === "\xff" ? Uint8Array.of(0xff) : encode(piece);
      const cut = Math.floor(rng() * 3);
      bytes = Uint8Array.of(
        ...bytes.subarray(0, at),
        ...put,
        ...bytes.subarray(at + cut),
      );
    }
    for (const one of expected) {
      const { outcome } = judgeExchange(
        {
          kind: "answer",
          status: 200,
          headers: new Map(),
          body: bytes,
          sentMs: 0,
          doneMs: 1,
          retries: 0,
        },
        one,
        (text) => text,
      );
      const { fault } = checkAnswer(bytes, one);
      assertEquals(
        outcome,
        fault?.outcome ?? "ok",
        new TextDecoder().decode(bytes),
      );
      if (outcome === "ok") right++;
    }
  }
  // Some changes leave an answer right: both ways were gone.
  assert(right > 1_000 && right < 59_000, `${right}`);
});
