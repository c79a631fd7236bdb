/**
 * Follows a log file as it grows, and notices when it was replaced or cut short.
 *
 * @module
 */
import { UsageError } from "../failure.ts";
import type { LogPiece, LogSource } from "./witness.ts";

/** This much of what was read before is read again: where it has changed, the file is no longer the one that was read. */
const OVERLAP_BYTES = 256;

/** Of a log that is older than the run so many bytes are read at its start and at its end, for what the server says of itself. */
const HEAD_BYTES = 1024 * 1024;

/** No more is read at once. */
const CHUNK_BYTES = 1024 * 1024;

/** Of a log that grows faster than it is read no more than this is read in one go. */
const MAX_CHUNKS = 64;

const CUT_SHORT = "it was cut short or written anew";

/**
 * Opens a log file to follow it.
 *
 * @param path The file.
 * @param from Where to start: with what is there, or behind it.
 * @throws {UsageError} If it cannot be read or is no file.
 */
export async function followFile(
  path: string,
  from: "start" | "end",
): Promise<LogSource & { readonly head: string }> {
  const file = await openFile(path).catch((error) => {
    throw new UsageError([
      `Cannot read the log of the server '${path}': ${messageOf(error)}`,
    ]);
  });
  const source = new FollowedFile(path, file);
  let head = "";
  if (from === "end") {
    try {
      head = await source.readHead();
    } catch (error) {
      source[Symbol.dispose]();
      throw new UsageError([
        `Cannot read the log of the server '${path}': ${messageOf(error)}`,
      ]);
    }
  }
  return {
    head,
    read: () => source.read(),
    [Symbol.dispose]: () => source[Symbol.dispose](),
  };
}

async function openFile(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path);
  const { isFile } = await file.stat();
  if (isFile) return file;
  file.close();
  throw new TypeError("it is no file");
}

/** One file, read from a place on. */
class FollowedFile implements LogSource {
  readonly #path: string;
  #file: Deno.FsFile;
  #offset = 0;
  #tail: Uint8Array = new Uint8Array();
  #decoder = new TextDecoder();
  #isClosed = false;

  constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Reads the start and the end of what is there, and goes to its end. */
  async readHead(): Promise<string> {
    const { size } = await this.#file.stat();
    const bytes = new Uint8Array(HEAD_BYTES);
    const textAt = async (offset: number) =>
      new TextDecoder().decode(
        bytes.subarray(0, await readAt(this.#file, offset, bytes)),
      );
    const start = await textAt(0);
    const end = size > HEAD_BYTES
      ? await textAt(Math.max(HEAD_BYTES, size - HEAD_BYTES))
      : "";
    this.#offset = size;
    await this.#keepTail();
    return `${start}${end}`;
  }

  async read(): Promise<LogPiece> {
    if (this.#isClosed) return { text: "", gap: "it is no longer followed" };
    try {
      return await this.#readMore();
    } catch (error) {
      return { text: "", gap: `it cannot be read: ${messageOf(error)}` };
    }
  }

  async #readMore(): Promise<LogPiece> {
    const [there, here] = await Promise.all([
      Deno.stat(this.#path),
      this.#file.stat(),
    ]);
    if (there.ino !== here.ino || there.dev !== here.dev) {
      const next = await openFile(this.#path);
      this.#file.close();
      this.#file = next;
      this.#restart();
      return { text: await this.#readOn(), gap: "it was replaced (rotated)" };
    }
    if (here.size < this.#offset || !await this.#isUnchanged()) {
      this.#restart();
      return { text: await this.#readOn(), gap: CUT_SHORT };
    }
    return { text: await this.#readOn(), gap: null };
  }

  #restart(): void {
    this.#offset = 0;
    this.#tail = new Uint8Array();
    this.#decoder = new TextDecoder();
  }

  async #readOn(): Promise<string> {
    let text = "";
    const bytes = new Uint8Array(CHUNK_BYTES);
    for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
      const length = await readAt(this.#file, this.#offset, bytes);
      if (length === 0) break;
      this.#offset += length;
      text += this.#decoder.decode(bytes.subarray(0, length), { stream: true });
    }
    if (text !== "") await this.#keepTail();
    return text;
  }

  async #keepTail(): Promise<void> {
    const length = Math.min(OVERLAP_BYTES, this.#offset);
    const tail = new Uint8Array(length);
    const read = await readAt(this.#file, this.#offset - length, tail);
    this.#tail = tail.subarray(0, read);
  }

  async #isUnchanged(): Promise<boolean> {
    const now = new Uint8Array(this.#tail.length);
    const read = await readAt(
      this.#file,
      this.#offset - this.#tail.length,
      now,
    );
    return read === now.length &&
      now.every((byte, i) => byte === this.#tail[i]);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
  }
}

/** Fills a buffer from a place of a file on, as far as the file goes; returns how many bytes there were. */
async function readAt(
  file: Deno.FsFile,
  offset: number,
  buffer: Uint8Array,
): Promise<number> {
  await file.seek(offset, Deno.SeekMode.Start);
  let length = 0;
  while (length < buffer.length) {
    const read = await file.read(buffer.subarray(length));
    if (read === null) break;
    length += read;
  }
  return length;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
