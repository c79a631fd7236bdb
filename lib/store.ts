/**
 * Reads and writes files: whole or not at all, and refused before the first request when it cannot be done.
 *
 * @module
 */
import { dirname, join, resolve } from "@std/path";
import { MeasureError, messageOf, UsageError } from "./failure.ts";

/** A file that is read is at most this long; a full profile's record has about 1 MB, and reading may take fifty times as much memory. */
export const MAX_FILE_MIB = 64;
/** Links in a row that are followed, as many as Linux follows. */
const MAX_LINKS = 40;
/** What is found here is not replaced even where it leads to a file, as /dev/stdout does. */
const DEVICE_REGEXP = /^\/(?:dev|proc)\//;

/** Another process that updates a file needs no longer than this, in milliseconds. */
const LOCK_TIMEOUT_MS = 60_000;

/**
 * Does work on a file that no other process of this tool does at the same time: the folder of the file is locked. The
 * system lets the lock go when the process ends; where it knows no locks, the work is done without one.
 *
 * @throws {MeasureError} If another process holds the lock for a minute.
 */
export async function withLock<Value>(
  path: string,
  work: () => Promise<Value>,
  timeoutMs = LOCK_TIMEOUT_MS,
): Promise<Value> {
  using folder = await Deno.open(dirname(await followLinks(path)));
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), timeoutMs);
  try {
    const end = await Promise.race([
      folder.lock(true).catch(() => "unknown"),
      late.promise,
    ]);
    if (end === "late") {
      throw new MeasureError(
        `Cannot update '${path}': another process has held ${
          dirname(path)
        } for ${timeoutMs / 1000} s; run it again`,
      );
    }
  } finally {
    clearTimeout(timer);
  }
  return await work();
}

/** Names standard output where a file is named. */
export const STANDARD_OUTPUT = "-";

/**
 * Makes sure that a file can be written as {@linkcode writeWhole} writes it, and makes its folder. Nothing is left of
 * the trial, and a file that is there is not touched.
 *
 * @throws {UsageError} If it cannot, with what to do.
 */
export async function checkWritable(path: string): Promise<void> {
  if (path === STANDARD_OUTPUT) return;
  try {
    const known = await ifThere(Deno.stat(path));
    if (known?.isDirectory) {
      throw new UsageError([`Cannot write '${path}': it is a folder`]);
    }
    if (known?.isFile) (await Deno.open(path, { write: true })).close();
    if (known !== null) return;
    const target = await followLinks(path);
    await Deno.mkdir(dirname(target), { recursive: true });
    // Not under its own name: another process may try the same.
    const trial = temporaryName(target);
    (await Deno.open(trial, { write: true, createNew: true })).close();
    await Deno.remove(trial);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError([fileProblem("write", path, error)]);
  }
}

/**
 * Writes a file whole: to a temporary name beside it, then renamed over it. A link is followed and stays, the mode of
 * a file too. What cannot be replaced is written in place: a file that is mounted or in a folder that may not be
 * written, a device, a pipe, {@linkcode STANDARD_OUTPUT}.
 *
 * @throws {MeasureError} If it cannot, as where its folder vanished or the disk is full, with what to do.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  try {
    if (path === STANDARD_OUTPUT) return await writeStandardOutput(text);
    const known = await ifThere(Deno.stat(path));
    if (known !== null && (!known.isFile || DEVICE_REGEXP.test(path))) {
      const options = { create: false, append: true };
      return await Deno.writeTextFile(path, text, options);
    }
    await replace(await followLinks(path), text, known?.mode ?? null);
  } catch (error) {
    throw new MeasureError(
      `${
        fileProblem("write", path, error)
      }. What was measured is not on disk there: make sure that the folder is there, may be written and has space, then run it again`,
    );
  }
}

async function replace(
  path: string,
  text: string,
  mode: number | null,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await Deno.writeTextFile(temporary, text);
    if (mode !== null) await Deno.chmod(temporary, mode & 0o7777);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    const isInPlace = mode !== null &&
      (error instanceof Deno.errors.Busy ||
        error instanceof Deno.errors.PermissionDenied);
    if (!isInPlace) throw error;
    await Deno.writeTextFile(path, text, { create: false });
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${crypto.randomUUID()}.tmp`);
}

async function writeStandardOutput(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  let written = 0;
  while (written < bytes.length) {
    written += await Deno.stdout.write(bytes.subarray(written));
  }
}

/** Returns what is found of a file, null where there is none. */
export async function ifThere(
  found: Promise<Deno.FileInfo>,
): Promise<Deno.FileInfo | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Returns where a path leads; a link that leads nowhere yet names the file that is to be made. */
async function followLinks(path: string, depth = 0): Promise<string> {
  const isLink = (await ifThere(Deno.lstat(path)))?.isSymlink;
  if (!isLink || depth > MAX_LINKS) return path;
  return await followLinks(
    resolve(dirname(path), await Deno.readLink(path)),
    depth + 1,
  );
}

/**
 * Reads a text file of bounded size.
 *
 * @param maxFileMib A file may have so many MiB.
 * @throws {UsageError} If it cannot be read or is too large, with what to do.
 */
export async function readText(
  path: string,
  maxFileMib: number = MAX_FILE_MIB,
): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > maxFileMib * 1024 * 1024) {
      throw new UsageError([
        `Cannot read '${path}': it has ${size} bytes, more than ${maxFileMib} MiB. If it is a record all the same, give report.ts a larger --max-file-mib; reading may take fifty times as much memory`,
      ]);
    }
    // Some editors write a byte order mark, which no format here knows.
    return (await Deno.readTextFile(path)).replace(/^\uFEFF/, "");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError([fileProblem("read", path, error)]);
  }
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
  return `${cannot}: ${messageOf(error)}`;
}
