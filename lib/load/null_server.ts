/**
 * A worker that serves one fixed score answer as fast as it can, for calibration only.
 *
 * It reads requests by their `content-length` and answers without looking at them, so that what a
 * client measures against it is the client itself, the loopback and next to nothing else.
 *
 * @module
 */

const BODY =
  '{"scores":[[0.25,0.75]],"model":"null","usage":null,"object":"scoring"}';
const ANSWER = new TextEncoder().encode(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
);
const HEAD_END = "\r\n\r\n";
const LENGTH_REGEXP = /content-length: (\d+)/i;

const scope = globalThis as unknown as { postMessage(port: number): void };
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
scope.postMessage(listener.addr.port);
for await (const connection of listener) void serve(connection);

async function serve(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay();
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(65_536);
  let unread = "";
  try {
    for (;;) {
      const size = await connection.read(buffer);
      if (size === null) break;
      unread += decoder.decode(buffer.subarray(0, size));
      const headEnd = unread.indexOf(HEAD_END);
      if (headEnd < 0) continue;
      const bodyLength = Number(LENGTH_REGEXP.exec(unread)?.[1] ?? 0);
      if (unread.length < headEnd + HEAD_END.length + bodyLength) continue;
      unread = "";
      for (let sent = 0; sent < ANSWER.length;) {
        sent += await connection.write(ANSWER.subarray(sent));
      }
    }
  } catch {
    // The client has gone.
  }
  try {
    connection.close();
  } catch {
    // It was closed with the worker.
  }
}
