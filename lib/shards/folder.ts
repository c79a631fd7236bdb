/**
 * The folder that all shards of a run see: its files are written whole, and made once.
 *
 * @module
 */
import { join } from "@std/path";
import { MeasureError, UsageError } from "../failure.ts";
import { checkWritable, ifThere, readText, writeWhole } from "../store.ts";

/** What shards do with the folder that they share. */
export interface ShardFolder {
  /** Its path, as it was given. */
  readonly path: string;
  /** Returns the names of its files. */
  readonly names: () => Promise<string[]>;
  /** Returns the text of a file; null where there is none. */
  readonly read: (name: string) => Promise<string | null>;
  /** Writes a file whole; nobody ever reads a half of it. */
  readonly write: (name: string, text: string) => Promise<void>;
  /** Makes an empty file; false where it is there already, whoever made it. */
  readonly claim: (name: string) => Promise<boolean>;
  /** Writes a file in place, so that it has the time of the storage. */
  readonly touch: (name: string) => Promise<void>;
  /** Returns when a file was written by the clock of the storage, in milliseconds since 1970; null where there is none. */
  readonly timeOf: (name: string) => Promise<number | null>;
}

/**
 * Opens a folder, and makes it where it is not there.
 *
 * @throws {UsageError} If it cannot be written.
 */
export async function openShardFolder(path: string): Promise<ShardFolder> {
  await checkWritable(join(path, "shard-0.json"));
  const timeOf = async (name: string) => {
    const found = await ifThere(Deno.stat(join(path, name)));
    return found?.mtime?.getTime() ?? null;
  };
  return {
    path,
    timeOf,
    names: () => listNames(path),
    async read(name) {
      if (await timeOf(name) === null) return null;
      return await readText(join(path, name));
    },
    write: (name, text) => writeWhole(join(path, name), text),
    async claim(name) {
      try {
        const options = { write: true, createNew: true };
        (await Deno.open(join(path, name), options)).close();
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.AlreadyExists) return false;
        throw storageError(path, error);
      }
    },
    async touch(name) {
      try {
        await Deno.writeTextFile(join(path, name), ".");
      } catch (error) {
        throw storageError(path, error);
      }
    },
  };
}

/**
 * Returns the names of the files in a folder.
 *
 * @throws {UsageError} If there is no such folder.
 */
export async function listNames(path: string): Promise<string[]> {
  try {
    const names: string[] = [];
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (isFile) names.push(name);
    }
    return names.toSorted();
  } catch (error) {
    throw new UsageError([
      `Cannot read the folder '${path}': ${
        error instanceof Error ? error.message : error
      }`,
    ]);
  }
}

function storageError(path: string, error: unknown): MeasureError {
  return new MeasureError(
    `Cannot write to the folder '${path}' of the shards: ${
      error instanceof Error ? error.message : error
    }`,
  );
}
