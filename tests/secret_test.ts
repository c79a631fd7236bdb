import {
  assert,
  assertEquals,
  assertFalse,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import {
  createRedactor,
  headerSecrets,
  hideKeys,
  REDACTED,
  redactJson,
} from "../lib/secret.ts";

const plain = (text: string) => text;

Deno.test("createRedactor() hides a secret in each form that servers give it", () => {
  const secret = 'k/ey "ä"\\+&';
  const redact = createRedactor([secret]);
  assertEquals(redact(`plain ${secret} end`), "plain [redacted] end");
  assertEquals(
    redact(JSON.stringify({ error: `bad key ${secret}` })),
    '{"error":"bad key [redacted]"}',
  );
  assertEquals(
    redact(`/login?key=${encodeURIComponent(secret)}&next=1`),
    "/login?key=[redacted]&next=1",
  );
  assertEquals(redact(`${secret}${secret}`), "[redacted][redacted]");
});

Deno.test("createRedactor() hides a secret that was written in another alphabet", () => {
  const secret = "sk-Ä/7+1234567890?abcdef";
  const redact = createRedactor([secret]);
  const bytes = new TextEncoder().encode(secret);
  const around = (before: string, after: string) =>
    new TextEncoder().encode(`${before}${secret}${after}`);
  const forms = [
    bytes.toHex(),
    bytes.toHex().toUpperCase(),
    bytes.toBase64(),
    bytes.toBase64({ alphabet: "base64url" }),
    around("Bearer ", "").toBase64(),
    around("u:", "!!").toBase64(),
    around("1234", "\n").toBase64(),
    JSON.stringify(JSON.stringify(secret)),
    bytes.toHex().replaceAll(/../g, "%$&"),
    [...secret].map((character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
    ).join(""),
  ];
  for (const form of forms) {
    const shown = redact(`a ${form} b`);
    assertStringIncludes(shown, REDACTED);
    // What base64 mixes with the text around is no more than a letter at each end.
    assert(shown.length < REDACTED.length + 24, `${form}: ${shown}`);
  }
});

Deno.test("createRedactor() hides the beginning of a secret that was cut", () => {
  const secret = "sk-1234567890abcdefghijklmnopqrstuvwxyz";
  const redact = createRedactor([secret]);
  for (const length of [12, 27, secret.length - 1]) {
    assertEquals(
      redact(`"x ${secret.slice(0, length)}" y`),
      `"x ${REDACTED}" y`,
    );
  }
  assertEquals(redact("sk-123456789"), REDACTED);
  assertEquals(redact("sk-12345678"), "sk-12345678");
});

Deno.test("createRedactor() hides all of a secret that holds another", () => {
  for (const secrets of [["abc", "abcdef"], ["abcdef", "abc"]]) {
    const redact = createRedactor(secrets);
    assertEquals(redact("abcdef abc"), "[redacted] [redacted]");
  }
});

Deno.test("createRedactor() takes secrets as they stand, not as patterns", () => {
  const redact = createRedactor(["a.c$&"]);
  assertEquals(redact("abc$& a.c$&"), "abc$& [redacted]");
});

Deno.test("createRedactor() passes over empty secrets", () => {
  assertEquals(createRedactor([])("text"), "text");
  assertEquals(createRedactor(["", ""])("text"), "text");
});

Deno.test("redactJson() hides the secrets of a recorded server", async () => {
  const text = await Deno.readTextFile(
    new URL("testdata/get_server_info.json", import.meta.url),
  );
  const info = JSON.parse(text);
  const told = {
    ...info,
    "api_key": "sk-live",
    "admin_api_key": "sk-admin",
    "disaggregation_shared_secret": "hush",
    "launch": "--api-key sk-live",
  };
  const stored = redactJson(told, createRedactor(["sk-live"])) as Record<
    string,
    unknown
  >;
  assertEquals(stored, {
    ...info,
    "api_key": REDACTED,
    "admin_api_key": REDACTED,
    "disaggregation_shared_secret": REDACTED,
    "launch": `--api-key ${REDACTED}`,
  });
  for (const secret of ["sk-live", "sk-admin", "hush"]) {
    assertFalse(JSON.stringify(stored).includes(secret));
  }
});

Deno.test("redactJson() hides texts by the name of their field, and only those", () => {
  assertEquals(
    redactJson({
      "apiKey": "a",
      "PASSWORD": "b",
      "db_password_file": "c",
      "hf_token": "d",
      "token": "e",
      "Authorization": "f",
      "credentials": "g",
      "api_key": null,
      "secret": "",
      "ssl_keyfile_password": "h",
      "max_total_num_tokens": 4096,
      "tokenizer_path": "models/tiny",
      "chunk_key": 5,
      "nested": [{ "client_secret": "i", "page_size": 1 }],
    }, plain),
    {
      "apiKey": REDACTED,
      "PASSWORD": REDACTED,
      "db_password_file": REDACTED,
      "hf_token": REDACTED,
      "token": REDACTED,
      "Authorization": REDACTED,
      "credentials": REDACTED,
      "api_key": null,
      "secret": "",
      "ssl_keyfile_password": REDACTED,
      "max_total_num_tokens": 4096,
      "tokenizer_path": "models/tiny",
      "chunk_key": 5,
      "nested": [{ "client_secret": REDACTED, "page_size": 1 }],
    },
  );
});

Deno.test("redactJson() takes known secrets out of names too", () => {
  assertEquals(redactJson({ "x-sk-live": 1 }, createRedactor(["sk-live"])), {
    "x-[redacted]": 1,
  });
});

Deno.test("redactJson() bounds depth, width and lengths", () => {
  const deep = JSON.parse(
    '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000),
  );
  assertEquals(redactJson(deep, plain), {
    a: { a: { a: { a: { a: { a: null } } } } },
  });
  const numbers = Array.from({ length: 5000 }, (_, i) => i);
  assertEquals((redactJson(numbers, plain) as unknown[]).length, 500);
  const wide = Object.fromEntries(numbers.map((i) => [`n${i}`, i]));
  assertEquals(Object.keys(redactJson(wide, plain) as object).length, 500);
  assertEquals((redactJson("x".repeat(9000), plain) as string).length, 2000);
  const [name = ""] = Object.keys(
    redactJson({ ["x".repeat(9000)]: 1 }, plain) as object,
  );
  assertLessOrEqual(name.length, 2000);
});

Deno.test("redactJson() redacts before it cuts", () => {
  const text = "x".repeat(1995) + "sk-live-key";
  const stored = redactJson(text, createRedactor(["sk-live-key"])) as string;
  assertEquals(stored, "x".repeat(1995) + "[reda");
});

Deno.test("redactJson() keeps a hostile name as plain data", () => {
  const hostile = JSON.parse('{"__proto__":{"polluted":1},"a":2}');
  const copy = redactJson(hostile, plain) as Record<string, unknown>;
  assertEquals(Object.keys(copy), ["__proto__", "a"]);
  assertEquals(copy["polluted"], undefined);
});

Deno.test("hideKeys() hides the keys of a launch command", () => {
  const command = "python3 -m sgl_jax.launch_server --model-path {model}";
  const cases = [
    ["--api-key sk-1 --port 1", "--api-key [redacted] --port 1"],
    ["--api-key=sk-1 --port 1", "--api-key=[redacted] --port 1"],
    ['--api-key "s k 1" --port 1', "--api-key [redacted] --port 1"],
    ["--api-key='s k 1' --port 1", "--api-key=[redacted] --port 1"],
    ["--api-key 's'k1 --port 1", "--api-key [redacted] --port 1"],
    ['--api-key=s"k 1"x --port 1', "--api-key=[redacted] --port 1"],
    ["--api-key  sk-1\t--port 1", "--api-key  [redacted]\t--port 1"],
    ["--api-key\tsk-1", "--api-key\t[redacted]"],
    ["--admin-api-key sk-2", "--admin-api-key [redacted]"],
    ["--hf-token abc", "--hf-token [redacted]"],
    [
      "--disaggregation-shared-secret abc --password x",
      "--disaggregation-shared-secret [redacted] --password [redacted]",
    ],
  ];
  for (const [given = "", shown = ""] of cases) {
    assertEquals(hideKeys(`${command} ${given}`), `${command} ${shown}`);
  }
});

Deno.test("hideKeys() leaves other flags as they are", () => {
  const command =
    "serve --ssl-keyfile a.pem --tokenizer-path b --api-key-file c --max-total-tokens 5";
  assertEquals(hideKeys(command), command);
});

Deno.test("headerSecrets() takes short values for words, not for secrets", () => {
  assertEquals(
    headerSecrets({
      "X-Tenant": "1",
      "X-Team": "1234567",
      "X-Key": "12345678",
      "Authorization": "Bearer sk-1234567",
    }),
    ["12345678", "12345678", "Bearer sk-1234567", "sk-1234567"],
  );
});

Deno.test("redactJson() hides every text in a field of many secrets, and no number", () => {
  assertEquals(
    redactJson({
      "api_keys": ["a", "", { "of": "b" }, 7],
      "hf_tokens": "c",
      "max_total_tokens": 4096,
      "num_reserved_tokens": [1, 2],
    }, plain),
    {
      "api_keys": [REDACTED, "", { [REDACTED]: REDACTED }, 7],
      "hf_tokens": REDACTED,
      "max_total_tokens": 4096,
      "num_reserved_tokens": [1, 2],
    },
  );
});

Deno.test("redactJson() hides the keys in the texts of a server", () => {
  assertEquals(
    redactJson(
      { "args": "--api-key other2", "env": ["HF_TOKEN=abc x"] },
      plain,
    ),
    { "args": "--api-key [redacted]", "env": ["HF_TOKEN=[redacted] x"] },
  );
  const cut = `${"x".repeat(1980)} --api-key "s k ${"s".repeat(50)}"`;
  assertEquals(
    (redactJson(cut, plain) as string).slice(1980),
    " --api-key [redacted",
  );
});

Deno.test("hideKeys() hides the values of variables and settings", () => {
  for (
    const [given, shown] of [
      ["API_KEY=s1 run --port 1", "API_KEY=[redacted] run --port 1"],
      ["env HF_TOKEN='a b' x", "env HF_TOKEN=[redacted] x"],
      ["AWS_SECRET_ACCESS_KEY=a/b=c x", "AWS_SECRET_ACCESS_KEY=[redacted] x"],
      ["DB_PASSWORD_1=p KEY=12345", "DB_PASSWORD_1=[redacted] KEY=[redacted]"],
      ["Args(api_key='s', port=1)", "Args(api_key=[redacted] port=1)"],
      ["--api-keys a,b --port 1", "--api-keys [redacted] --port 1"],
      ["TOKENS=s1 x", "TOKENS=[redacted] x"],
    ] as const
  ) assertEquals(hideKeys(given), shown);
  for (
    const kept of [
      "Args(max_total_tokens=4096, tokenizer_path='a', page_size=1)",
      "MAX_TOTAL_TOKENS=4096 TOKENIZERS_PARALLELISM=false",
      "--max-total-tokens=4096 --port 1",
    ]
  ) assertEquals(hideKeys(kept), kept);
});
