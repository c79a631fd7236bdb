import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/failure.ts";
import { readPlace } from "../../lib/shards/place.ts";

function place(
  given: string,
  environment: Readonly<Record<string, string>> = {},
  shards: number | null = null,
) {
  return readPlace(given, shards, (name) => environment[name] ?? null);
}

Deno.test("readPlace() takes I/N", () => {
  assertEquals(place("0/1"), { index: 0, of: 1 });
  assertEquals(place("6/7"), { index: 6, of: 7 });
  assertEquals(place("6/7", { SLURM_PROCID: "3" }, 7), { index: 6, of: 7 });
});

Deno.test("readPlace() refuses what names no shard", () => {
  for (
    const given of ["7/7", "0/0", "-1/4", "1", "1/", "a/b", "0.5/2", "0/99999"]
  ) {
    assertThrows(() => place(given), UsageError, `--shard ${given}`);
  }
  assertThrows(() => place("1/4", {}, 5), UsageError, "two numbers");
});

Deno.test("readPlace() takes the index of a Kubernetes Job, and the number by its flag", () => {
  const pod = { JOB_COMPLETION_INDEX: "2" };
  assertEquals(place("auto", pod, 4), { index: 2, of: 4 });
  assertThrows(() => place("auto", pod), UsageError, "--shards N");
  assertThrows(() => place("auto", pod, 2), UsageError, "shard 2 of 2");
});

Deno.test("readPlace() takes the tasks of srun", () => {
  const task = { SLURM_PROCID: "3", SLURM_NTASKS: "4" };
  assertEquals(place("auto", task), { index: 3, of: 4 });
  assertEquals(place("auto", task, 4), { index: 3, of: 4 });
  assertThrows(() => place("auto", task, 8), UsageError, "--shards 8");
  assertEquals(place("auto", { SLURM_PROCID: "0" }), { index: 0, of: 1 });
});

Deno.test("readPlace() takes the jobs of an array, wherever it begins, and their tasks", () => {
  const array = (id: number, rest: Record<string, string> = {}) => ({
    SLURM_ARRAY_TASK_ID: `${id}`,
    SLURM_ARRAY_TASK_MIN: "1",
    SLURM_ARRAY_TASK_COUNT: "4",
    // A batch script is task 0 of its own job.
    SLURM_PROCID: "0",
    SLURM_NTASKS: "1",
    ...rest,
  });
  assertEquals(
    [1, 2, 3, 4].map((id) => place("auto", array(id))),
    [0, 1, 2, 3].map((index) => ({ index, of: 4 })),
  );
  const stepped = { SLURM_ARRAY_TASK_STEP: "2" };
  assertEquals(place("auto", array(7, stepped)), { index: 3, of: 4 });
  assertThrows(
    () => place("auto", array(4, stepped)),
    UsageError,
    "even steps",
  );
  assertThrows(() => place("auto", array(9)), UsageError, "even steps");
  const tasks = { SLURM_NTASKS: "2", SLURM_PROCID: "1" };
  assertEquals(place("auto", array(3, tasks)), { index: 5, of: 8 });
});

Deno.test("readPlace() says what is missing, and what is no number", () => {
  assertThrows(() => place("auto"), UsageError, "Give --shard I/N");
  assertThrows(
    () => place("auto", { SLURM_PROCID: "x", SLURM_NTASKS: "4" }),
    UsageError,
    'SLURM_PROCID is "x"',
  );
});
