/**
 * Reads and writes files: whole or not at all, and refused before the first request when it cannot be done.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { MeasureError, UsageError } from "./failure.ts";

/** A file that is read is at most this long; a full profile's record has about 1 MB. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Makes sure that a file can be written as {@linkcode writeWhole} writes it, and makes its folder.
 *
 * @throws {UsageError} If it cannot, with what to do.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    const known = await Deno.stat(path).catch(() => null);
    if (known?.isDirectory) {
      throw new UsageError([`Cannot write '${path}': it is a folder`]);
    }
    const trial = temporaryName(path);
    const renamed = temporaryName(path);
    try {
      await Deno.writeTextFile(trial, "");
      // To rename, Deno asks for leave to read as well.
      await Deno.rename(trial, renamed);
      await Deno.remove(renamed);
    } catch (error) {
      await Deno.remove(trial).catch(() => {});
      throw error;
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError([fileProblem("write", path, error)]);
  }
}

/**
 * Writes a file whole: to a temporary name beside it, then renamed over it.
 *
 * @throws {MeasureError} If it cannot, as where its folder vanished or the disk is full, with what to do.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new MeasureError(
      `${
        fileProblem("write", path, error)
      }. What was measured is not on disk there: make sure that the folder is there, may be written and has space, then run it again`,
    );
  }
}

/**
 * Reads a text file of bounded size.
 *
 * @throws {UsageError} If it cannot be read or is too large, with what to do.
 */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_FILE_BYTES) {
      throw new UsageError([
        `Cannot read '${path}': it has ${size} bytes, more than ${MAX_FILE_BYTES}`,
      ]);
    }
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError([fileProblem("read", path, error)]);
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${crypto.randomUUID()}.tmp`);
}

function fileProblem(
  action: "read" | "write",
  path: string,
  error: unknown,
): string {
  const cannot = `Cannot ${action} '${path}'`;
  if (error instanceof Deno.errors.NotCapable) {
    const [, access = action] =
      /Requires (read|write) access/.exec(error.message) ?? [];
    return `${cannot}: Deno was not allowed to. Add --allow-${access}=${
      dirname(path)
    } to the deno command`;
  }
  if (error instanceof Deno.errors.NotFound) {
    return `${cannot}: there is no such ${
      action === "read" ? "file" : "folder"
    }`;
  }
  return `${cannot}: ${error instanceof Error ? error.message : String(error)}`;
}
