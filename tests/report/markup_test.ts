import { assertEquals, assertFalse } from "@std/assert";
import {
  escapeHtml,
  escapeMarkdown,
  escapeXml,
} from "../../lib/report/markup.ts";

Deno.test("escapeHtml() leaves no markup and no control character", () => {
  assertEquals(
    escapeHtml(`<img src="x" onerror='y'>&\x1b[31m\u202e`),
    "&#60;img src=&#34;x&#34; onerror=&#39;y&#39;&#62;&#38;\\x1b[31m\\u{202e}",
  );
  assertEquals(escapeHtml("p50 of 3.5 ms (é)"), "p50 of 3.5 ms (é)");
});

Deno.test("escapeHtml() cuts long text", () => {
  assertEquals(escapeHtml("a".repeat(5000)), `${"a".repeat(2000)}...`);
});

Deno.test("escapeXml() leaves nothing that XML 1.0 cannot hold", () => {
  assertEquals(
    escapeXml("a\0b\ufffec\uffffd\ud800<"),
    "a\\x00b?c?d\\u{d800}&#60;",
  );
});

Deno.test("escapeMarkdown() leaves no markup, link, formula or cell border", () => {
  const shown = escapeMarkdown(
    "*a* _b_ `c` [d](e) ![f](g) <h> | ~i~ $j$ \\ k:l: https://x.y [^1] [d][e] [d]: e - [ ]\nm",
  );
  const plain = shown.replace(/&#\d+;/g, "").replaceAll("\\*", "");
  // Entities aside, there is nothing that Markdown could obey.
  assertFalse(/[^\p{L}\p{N} ,;%'"/.=+?()[\]:-]/u.test(plain), plain);
  assertFalse(/\][(\[:]|\[\^|\[[ x]\]|:\/\/|:[a-z]+:/.test(plain), plain);
  assertEquals(escapeMarkdown("a|b"), "a&#124;b");
  assertEquals(escapeMarkdown("https://x"), "https&#58;//x");
  assertEquals(escapeMarkdown("27.1*"), "27.1\\*");
});

Deno.test("escapeMarkdown() leaves signs alone that mean nothing where they stand", () => {
  for (
    const text of [
      "throughput -3.2 % [-6.1, -0.2]",
      "Batch 1, Labels 2: 2 of 5 failed (FAIL)",
      "linux 6.1.0 x86_64",
      "2026-01-02T03:04:05.678Z",
    ]
  ) assertEquals(escapeMarkdown(text), text);
});

Deno.test("escapeMarkdown() breaks mentions and references", () => {
  assertEquals(escapeMarkdown("@org/team"), "&#64;&#8203;org/team");
  assertEquals(escapeMarkdown("a/b#12"), "a/b&#35;&#8203;12");
  assertEquals(escapeMarkdown("gh-12 www.a.b"), "gh&#8203;-12 www&#8203;.a.b");
});

Deno.test("escapeMarkdown() leaves plain figures alone", () => {
  assertEquals(
    escapeMarkdown("median throughput -3.2 %, 4 of 6 cells"),
    "median throughput -3.2 %, 4 of 6 cells",
  );
});
