/**
 * A stand-in for the part of `@std/path` that is used here.
 *
 * @module
 */
export { dirname, extname, join, resolve } from "node:path";
export { fileURLToPath as fromFileUrl } from "node:url";
