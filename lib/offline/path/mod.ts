/**
 * A stand-in for the part of `@std/path` that this project uses, over
 * `node:path` and `node:url`.
 *
 * @module
 */

import { isAbsolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export {
  basename,
  dirname,
  extname,
  isAbsolute,
  join,
  normalize,
  relative,
  resolve,
} from "node:path";

/** Turns a `file:` URL into a path. */
export function fromFileUrl(url: string | URL): string {
  const { protocol } = new URL(url);
  if (protocol !== "file:") {
    throw new TypeError(`URL must be a file URL: received "${protocol}"`);
  }
  // A percent sign that begins no escape stands for itself.
  return fileURLToPath(
    String(url).replace(/%(?![0-9A-Fa-f]{2})/g, "%25"),
  );
}

/** Turns an absolute path into a `file:` URL. */
export function toFileUrl(path: string): URL {
  if (!isAbsolute(path)) {
    throw new TypeError(`Path must be absolute: received "${path}"`);
  }
  return pathToFileURL(path);
}
