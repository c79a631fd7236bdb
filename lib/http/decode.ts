/**
 * Undoes the content coding of a body, within a bound.
 *
 * @module
 */

import { ByteStore } from "./bytes.ts";
import type { ContentCoding } from "./head.ts";

/** Decoding goes in slices of this size, since 4 KiB of gzip are at most 4 MiB of body. */
const DECODED_SLICE_BYTES = 4_096;

/**
 * Undoes a content coding.
 *
 * @throws {RangeError} If the decoded body is above `maxBytes`.
 * @throws {TypeError} If the body is not of that coding, or is cut short.
 */
export async function decodeBody(
  body: Uint8Array,
  options: { coding: ContentCoding; maxBytes: number },
): Promise<Uint8Array> {
  const { coding, maxBytes } = options;
  if (coding === "identity") return body;
  const decoded = new ByteStore();
  const stream = slices(body).pipeThrough(new DecompressionStream(coding));
  for await (const piece of stream) {
    if (decoded.length + piece.length > maxBytes) {
      throw new RangeError(
        `Cannot decode the body as it is above ${maxBytes} bytes`,
      );
    }
    decoded.append(piece, maxBytes);
  }
  return decoded.bytes;
}

function slices(body: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller): void {
      if (at < body.length) {
        const end = at + DECODED_SLICE_BYTES;
        controller.enqueue(new Uint8Array(body.subarray(at, end)));
        at = end;
      } else {
        controller.close();
      }
    },
  });
}
