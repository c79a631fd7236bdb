/**
 * A worker that serves right score answers as fast as it can, to measure the client by.
 *
 * It reads requests by their `content-length` and answers without looking at them, so that what a
 * client measures against it is the client itself, the loopback and next to nothing else. The path
 * begins with the rows and labels of the answer: `/500/2/v1/score`. No two answers in a row are the
 * same, as those of a server are not: a copy would be judged faster.
 *
 * @module
 */

const HEAD_END = "\r\n\r\n";
const LENGTH_REGEXP = /content-length: (\d+)/i;
const PATH_REGEXP = /^\S+ \/(\d+)\/(\d+)\//;
/** Digits of a score; the last of the first score are those that change. */
const DIGITS = 16;
const CHANGED_DIGITS = 4;

const scope = globalThis as unknown as { postMessage(port: number): void };
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
scope.postMessage(listener.addr.port);
for await (const connection of listener) void serve(connection);

/** An answer, and where in it the digits are that change. */
function makeAnswer(rows: number, labels: number): [Uint8Array, number] {
  const row = `[${Array(labels).fill((1 / labels).toFixed(DIGITS)).join(",")}]`;
  const start = '{"scores":[';
  const body = `${start}${
    Array(rows).fill(row).join(",")
  }],"model":"null","usage":null,"object":"scoring"}`;
  const head =
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const scoreEnd = head.length + start.length + "[0.".length + DIGITS;
  return [new TextEncoder().encode(head + body), scoreEnd - CHANGED_DIGITS];
}

async function serve(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay();
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(262_144);
  let answer: Uint8Array = new Uint8Array(0);
  let changedAt = 0;
  let number = 0;
  try {
    for (;;) {
      let left = 0;
      for (let head = "";;) {
        const size = await connection.read(buffer);
        if (size === null) return;
        head += decoder.decode(buffer.subarray(0, Math.min(size, 16_384)));
        const headEnd = head.indexOf(HEAD_END);
        if (headEnd < 0) continue;
        if (answer.length === 0) {
          const [, rows = 1, labels = 1] =
            PATH_REGEXP.exec(head)?.map(Number) ??
              [];
          [answer, changedAt] = makeAnswer(rows, labels);
        }
        const length = Number(LENGTH_REGEXP.exec(head)?.[1] ?? 0);
        left = headEnd + HEAD_END.length + length - size;
        break;
      }
      while (left > 0) {
        const size = await connection.read(buffer);
        if (size === null) return;
        left -= size;
      }
      let rest = number++;
      for (let i = 0; i < CHANGED_DIGITS; i++) {
        answer[changedAt + CHANGED_DIGITS - 1 - i] = 48 + rest % 10;
        rest = Math.floor(rest / 10);
      }
      for (let sent = 0; sent < answer.length;) {
        sent += await connection.write(answer.subarray(sent));
      }
    }
  } catch {
    // The client has gone.
  } finally {
    try {
      connection.close();
    } catch {
      // It was closed with the worker.
    }
  }
}
