/** What people see of a run on a terminal. */
import type { Run } from "../../lib/record/run.ts";
import { renderView } from "../../lib/report/run/text.ts";
import { viewOfRun } from "../../lib/report/view.ts";

/** Draws a run at a width. */
export function renderRun(run: Run, terminalColumns: number): string {
  return renderView(viewOfRun(run), terminalColumns);
}
