import { assertEquals } from "@std/assert";
import { startLines } from "../../lib/simulator/log.ts";
import { serverInfo } from "../../lib/simulator/info.ts";
import { engineOptions } from "../../lib/simulator/options.ts";
import { parseServerArgs } from "../../lib/witness/arguments.ts";

Deno.test("parseServerArgs() reads what Python writes", () => {
  assertEquals(
    parseServerArgs(
      `ServerArgs(model_path='it\\'s', host="h", page_size=1, mem=0.7, tiny=-1e-05, on=True, off=False, none=None, pads=[1024, 4096], empty=[], pair=(1, 'a'), more={'a': [1, 2]}, kind=<Kind.A: 'a'>, call=Path('x, y'))`,
    ),
    {
      "model_path": "it's",
      host: "h",
      "page_size": 1,
      mem: 0.7,
      tiny: -1e-5,
      on: true,
      off: false,
      none: null,
      pads: [1024, 4096],
      empty: [],
      pair: [1, "a"],
      more: "{'a': [1, 2]}",
      kind: "<Kind.A: 'a'>",
      call: "Path('x, y')",
    },
  );
  assertEquals(parseServerArgs("ServerArgs()"), {});
});

Deno.test("parseServerArgs() takes nothing that is cut or of another form", () => {
  for (
    const text of [
      "ServerArgs(a=1",
      "ServerArgs(a='x",
      "ServerArgs(a=[1, 2",
      "ServerArgs(a 1)",
      "ServerArgs(=1)",
      "Namespace(a=1)",
      "",
      `ServerArgs(a=${"[".repeat(1000)})`,
    ]
  ) assertEquals(parseServerArgs(text), null, text.slice(0, 40));
});

Deno.test("parseServerArgs() reads back what the simulated engine logs", () => {
  const options = engineOptions({ pageSize: 64 });
  const [line = ""] = startLines(options, 30123);
  const args = parseServerArgs(line.replace("server_args=", ""));
  const info = serverInfo(options, {
    ...{ waiting: 0, running: 0, cachedTokens: 0, batches: 0, leakedTokens: 0 },
  });
  for (const [name, value] of Object.entries(args ?? {})) {
    if (name !== "port") assertEquals(value, info[name], name);
  }
  assertEquals(args?.["page_size"], 64);
  assertEquals(args?.["port"], 30123);
});
