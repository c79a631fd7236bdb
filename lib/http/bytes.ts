/**
 * Bytes that come in pieces, gathered without a copy where one piece was all.
 *
 * @module
 */

const NO_BYTES = new Uint8Array(0);
/** The first memory for several pieces; it doubles from there, so copying stays linear. */
const START_BYTES = 4_096;

/** Gathers pieces; the first is kept as a view, also of those that follow it in memory, and copied only before another. */
export class ByteStore {
  #bytes: Uint8Array = NO_BYTES;
  #length = 0;

  /** How many bytes were gathered. */
  get length(): number {
    return this.#length;
  }

  /** The bytes so far: a view of the only piece, or of memory that is given up by `clear()`. */
  get bytes(): Uint8Array {
    return this.#bytes.length === this.#length
      ? this.#bytes
      : this.#bytes.subarray(0, this.#length);
  }

  /** Forgets all pieces; bytes that were handed out stay as they are. */
  clear(): void {
    this.#bytes = NO_BYTES;
    this.#length = 0;
  }

  /**
   * Adds a piece.
   *
   * @param piece Its memory must not be overwritten while it is the only piece.
   * @param mostBytes How many bytes there can be in all: no more room is made.
   */
  append(piece: Uint8Array, mostBytes: number): void {
    const length = this.#length + piece.length;
    const end = this.#bytes.byteOffset + this.#length;
    if (this.#length === 0) {
      this.#bytes = piece;
    } else if (
      this.#bytes.length === this.#length &&
      piece.buffer === this.#bytes.buffer && piece.byteOffset === end
    ) {
      this.#bytes = new Uint8Array(piece.buffer, end - this.#length, length);
    } else {
      // The view of a first piece has no room, so its chunk is never written to.
      if (length > this.#bytes.length) {
        const roomBytes = Math.max(START_BYTES, 2 * length);
        const grown = new Uint8Array(Math.min(mostBytes, roomBytes));
        grown.set(this.bytes);
        this.#bytes = grown;
      }
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }
}
