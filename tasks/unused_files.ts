// deno-lint-ignore-file no-console
/**
 * Prints what an executable does not need of ECharts as words of `deno compile`: all but the file that lib/ imports.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

const USED = new URL(import.meta.resolve("echarts/dist/echarts.esm.min.mjs"));
const KEPT = [USED.href, new URL("../package.json", USED).href];

for (const folder of [new URL("./", USED), new URL("../", USED)]) {
  for (const { name } of Deno.readDirSync(folder)) {
    const file = new URL(name, folder);
    if (KEPT.some((kept) => kept.startsWith(file.href))) continue;
    console.log(`--exclude ${fromFileUrl(file)}`);
  }
}
