/**
 * A model of the cost of a request: which part of it is slow.
 *
 * @module
 */
import type { DataRecord } from "../score/data.ts";
import { TEXT_DATA } from "../score/data.ts";
import { type Coefficient, leastSquares } from "../stats/least_squares.ts";
import type { CellFigures, CellKey, Status } from "./run.ts";

/** The cost of a request in milliseconds: `request + items x item + tokens x token + scores x score`. */
export interface CostModel {
  /** What a request costs, whatever is in it. */
  readonly request: Coefficient | null;
  /** What an item costs; its tokens are in it where no cells differ in tokens alone. */
  readonly item: Coefficient | null;
  /** What a token costs, of the query and of the item, in each prompt; null where that cannot be told apart. */
  readonly token: Coefficient | null;
  /** What a score costs: a label of an item; null likewise. */
  readonly score: Coefficient | null;
  /** The share of the differences between the cells that the model explains. */
  readonly r2: number;
  /** Cells that it rests on. */
  readonly cells: number;
}

/** A model needs so many cells more than it has parts. */
const SPARE_CELLS = 2;

/**
 * Fits the model to the mean latencies of cells of one client. Deviations count in relation to the latency, since
 * latencies scatter by a share of themselves.
 *
 * @returns null where the cells are too few, or differ in too little.
 */
export function fitCosts(
  cells: readonly { readonly key: CellKey; readonly meanMs: number }[],
  data: readonly DataRecord[],
): CostModel | null {
  const points = cells.flatMap(({ key, meanMs }) => {
    const tokens = tokensOf(key, data);
    return key.concurrency !== undefined || key.batchSize === 0 ||
        tokens === null || meanMs <= 0
      ? []
      : [{ key, meanMs, tokens }];
  });
  const columns = [
    points.map(() => 1),
    points.map(({ key }) => key.batchSize),
    points.map(({ key, tokens }) => key.batchSize * tokens),
    points.map(({ key }) => key.batchSize * key.numLabels),
  ];
  const fit = leastSquares(
    columns,
    points.map(({ meanMs }) => meanMs),
    points.map(({ meanMs }) => 1 / meanMs ** 2),
  );
  const [request = null, item = null, token = null, score = null] =
    fit?.coefficients ?? [];
  const parts = [request, item, token, score].filter((one) => one !== null);
  return fit === null || item === null ||
      points.length < parts.length + SPARE_CELLS
    ? null
    : { request, item, token, score, r2: fit.r2, cells: points.length };
}

/** Tokens of a prompt; 0 where text is sent, all of one length; null where they are not known or drawn. */
function tokensOf(
  { data = TEXT_DATA }: CellKey,
  records: readonly DataRecord[],
): number | null {
  const record = records.find(({ name }) => name === data);
  if (record === undefined || record.file !== null) return null;
  if (record.tokens === null) return records.length === 1 ? 0 : null;
  const { query, item } = record.tokens;
  return typeof query === "number" && typeof item === "number"
    ? query + item
    : null;
}

/** Says a model in one line. */
export function describeCosts(model: CostModel): string {
  const shown = (value: number) => Number(value.toPrecision(3)).toString();
  const parts = (["request", "item", "token", "score"] as const)
    .flatMap((name) => {
      const part = model[name];
      return part === null ? [] : [
        `${shown(part.value)} ms per ${name} [${
          part.interval.map(shown).join(", ")
        }]`,
      ];
    });
  return `Cost of a request, by least squares over ${model.cells} cells (R2 ${
    model.r2.toFixed(3)
  }): ${parts.join(", ")}${
    model.token === null ? "; tokens are in the items" : ""
  }`;
}

/** Says what the parts of a request cost, in a line, where cells tell it; an INVALID one tells nothing. */
export function costNotes(
  cells: readonly {
    readonly key: CellKey;
    readonly status: Status;
    readonly summary: CellFigures | null;
  }[],
  data: readonly DataRecord[],
): string[] {
  const model = fitCosts(
    cells.flatMap(({ key, status, summary }) =>
      status === "INVALID" || summary === null
        ? []
        : [{ key, meanMs: summary.meanMs }]
    ),
    data,
  );
  return model === null ? [] : [describeCosts(model)];
}
