import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/failure.ts";
import { checkOpenFiles, countOpenable } from "../../lib/load/open_files.ts";

/** A process that may open a number of files more. */
function limitedTo(limit: number, error = "Too many open files (os error 24)") {
  const state = { open: 0, most: 0 };
  const openFile = () => {
    if (state.open >= limit) throw new Error(error);
    state.open++;
    state.most = Math.max(state.most, state.open);
    return { [Symbol.dispose]: () => void state.open-- };
  };
  return { state, openFile };
}

Deno.test("countOpenable() opens no more than it is asked for, and closes all", () => {
  const { state, openFile } = limitedTo(100);
  assertEquals(countOpenable(40, openFile), 40);
  assertEquals(state, { open: 0, most: 40 });
  assertEquals(countOpenable(1000, openFile), 100);
  assertEquals(state, { open: 0, most: 100 });
});

Deno.test("countOpenable() takes no other error for the limit", () => {
  const { openFile } = limitedTo(0, "Requires read access to .");
  assertEquals(countOpenable(1000, openFile), 1000);
});

Deno.test("countOpenable() opens files of this process", () => {
  assertEquals(countOpenable(50), 50);
});

Deno.test("checkOpenFiles() refuses more connections than there may be", () => {
  const { openFile } = limitedTo(232);
  checkOpenFiles(200, { isServedHere: false, openFile });
  checkOpenFiles(100, { isServedHere: true, openFile });
  assertThrows(
    () => checkOpenFiles(1000, { isServedHere: false, openFile }),
    UsageError,
    "Cannot keep 1000 connections open: this process may have 200 at a time. Raise its limit of open files (ulimit -n) by 800 or more, or lower --concurrency",
  );
  assertThrows(
    () => checkOpenFiles(101, { isServedHere: true, openFile }),
    UsageError,
    "this process may have 100 at a time",
  );
});
