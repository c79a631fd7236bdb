// deno-lint-ignore-file no-console
/**
 * Runs `deno doc --lint` over the files that are given. A field whose name and type say all needs no comment: one that
 * says the name again tells nothing.
 *
 * @module
 */

/** The place of a field, as the finding quotes it. */
const FIELD_REGEXP =
  /^ *\d+ \| +(?:override )?(?:readonly )?"?\w+"?(?:\??: | = )/m;

const { stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", ...Deno.args],
  env: { "NO_COLOR": "1" },
}).output();
const text = new TextDecoder().decode(stderr);
const findings = text.split(/^(?=error\[)/m).filter((part) =>
  part.startsWith("error[") &&
  !(part.startsWith("error[missing-jsdoc]") && FIELD_REGEXP.test(part))
);
if (findings.length > 0 || !/^Checked |^error\[/m.test(text)) {
  console.error(findings.join("") || text);
  Deno.exit(1);
}
