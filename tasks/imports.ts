/** Imports every module of JSR that the code imports, for the task `packages` to try. */
import "@cliffy/table";
import "@std/assert";
import "@std/cli/parse-args";
import "@std/csv/parse";
import "@std/csv/stringify";
import "@std/path";
