import { assertEquals, assertMatch } from "@std/assert";
import {
  describeEnvironment,
  detectHardware,
  type RunProgram,
} from "../../lib/server/environment.ts";

/** A machine on which only these programs say something. */
function machine(outputs: Record<string, string> = {}): RunProgram {
  return (program) => Promise.resolve(outputs[program] ?? null);
}

const TPU_V4 = machine({ ls: "/dev:\naccel0\naccel1\nnull\ntty1\n" });
const TPU_V6 = machine({ ls: "/dev:\nnull\n\n/dev/vfio:\n0\n1\n2\n3\nvfio\n" });
const GPUS = machine({
  "ls": "/dev:\nnull\n",
  "nvidia-smi": "NVIDIA H100 80GB HBM3\nNVIDIA H100 80GB HBM3\n",
});

Deno.test("describeEnvironment() names the system, the commit and Deno", async () => {
  const environment = await describeEnvironment();
  assertMatch(
    environment.platform,
    new RegExp(`^${Deno.build.os} (.+ )?${Deno.build.arch}$`),
  );
  assertMatch(environment.commit, /^([0-9a-f]{4,40}|unknown)$/);
  assertEquals(environment.denoVersion, Deno.version.deno);
});

Deno.test("detectHardware() takes the word of the server for a remote one", async () => {
  for (
    const [info, expected] of [
      [null, null],
      [{}, null],
      [{ device: "tpu", "tp_size": 4 }, "tpu-4x"],
      [{ device: "cuda", "tp_size": 8 }, "gpu-8x"],
      [{ device: "cpu" }, "cpu-1x"],
      [{ device: "simulated" }, "simulated"],
      [{ device: 3 }, null],
    ] as const
  ) {
    // What this machine has says nothing of another.
    assertEquals(await detectHardware(info, false, TPU_V6), expected);
  }
});

Deno.test("detectHardware() looks at the machine of a local server", async () => {
  assertEquals(await detectHardware(null, true, TPU_V4), "tpu-2x");
  assertEquals(await detectHardware(null, true, TPU_V6), "tpu-4x");
  assertEquals(
    await detectHardware({ device: "cuda" }, true, GPUS),
    "gpu-NVIDIA H100 80GB HBM3-2x",
  );
  assertEquals(await detectHardware(null, true, machine()), null);
});

Deno.test("detectHardware() does not name an accelerator that the server does not use", async () => {
  assertEquals(await detectHardware({ device: "cpu" }, true, GPUS), "cpu-1x");
  assertEquals(
    await detectHardware({ device: "tpu", "tp_size": 4 }, true, GPUS),
    "tpu-4x",
  );
  assertEquals(
    await detectHardware({ device: "simulated" }, true, TPU_V6),
    "simulated",
  );
});
