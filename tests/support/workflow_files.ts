/** The workflows of .github/, as text. */

const FOLDER = new URL("../../.github/workflows/", import.meta.url);

/** One workflow. */
export interface WorkflowFile {
  readonly name: string;
  readonly text: string;
}

/** Reads all workflows, sorted by name. */
export function readWorkflows(): WorkflowFile[] {
  return [...Deno.readDirSync(FOLDER)]
    .map(({ name }) => ({
      name,
      text: Deno.readTextFileSync(new URL(name, FOLDER)),
    }))
    .toSorted((a, b) => a.name < b.name ? -1 : 1);
}

/** Returns the scripts of a workflow's steps, folded lines (`>-`) as the one line that they are. */
export function runScripts({ text }: WorkflowFile): string[] {
  const scripts: string[] = [];
  const lines = text.split("\n");
  for (const [i, line] of lines.entries()) {
    const [, before = "", value = ""] = /^(\s*(?:- )?)run: (.*)$/.exec(line) ??
      [];
    if (value === "") continue;
    const indent = before.length;
    const rest = lines.slice(i + 1);
    const end = rest.findIndex((next) =>
      next.trim() !== "" && next.search(/\S/) <= indent
    );
    const block = rest.slice(0, end < 0 ? rest.length : end)
      .map((next) => next.trim()).filter((next) => next !== "");
    scripts.push(
      value === ">-"
        ? block.join(" ")
        : value === "|"
        ? block.join("\n")
        : value,
    );
  }
  return scripts;
}

/** Returns the script of nightly-perf.yaml that runs a step of nightly.ts. */
export function nightlyScript(step: "bench" | "stress" | "report"): string {
  const nightly = readWorkflows().find(({ name }) =>
    name === "nightly-perf.yaml"
  );
  const script = nightly === undefined
    ? undefined
    : runScripts(nightly).find((text) => text.endsWith(`nightly.ts ${step}`));
  if (script === undefined) throw new Error(`no step that runs ${step}`);
  return script;
}
