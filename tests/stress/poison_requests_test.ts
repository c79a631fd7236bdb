import { assert, assertEquals } from "@std/assert";
import { lethalReason } from "../../lib/score/request.ts";
import { Engine } from "../../lib/simulator/engine.ts";
import { poisonRequests } from "../../lib/stress/poison_requests.ts";

const GOOD = {
  query: "Is it",
  items: [" a", " b"],
  labelTokenIds: [1, 2],
  applySoftmax: true,
  model: "m",
};
const SERVER = { maxInputTokens: 8186, checksLabels: true };

/** What an engine answers to one request; null when it dies. */
function answerOf(
  engine: Engine,
  { method, path, body }: {
    method: string;
    path: string;
    body: string | null;
  },
): number | null {
  engine.handle({
    method,
    path,
    authorization: null,
    contentType: "application/json",
    body: body ?? "",
    unixTimeSec: 0,
  }, 0);
  const [event] = engine.advance(1e6);
  return event?.reply.kind === "answer" ? event.reply.answer.status : null;
}

Deno.test("poisonRequests() are each refused by the engine, and only the lethal ones end it", () => {
  const poisons = poisonRequests(GOOD, SERVER);
  assertEquals(poisons.length, 19);
  for (const poison of poisons) {
    const status = answerOf(new Engine(), poison);
    if (poison.isLethal) assertEquals(status, null, poison.name);
    else assert(status !== null && status >= 400, `${poison.name}: ${status}`);
  }
});

Deno.test("poisonRequests() mark everything that is known to end a server", () => {
  for (const { body, isLethal, name } of poisonRequests(GOOD, SERVER)) {
    if (!isLethal) continue;
    const fields = JSON.parse(body ?? "");
    const request = {
      query: fields.query,
      items: fields.items,
      labelTokenIds: fields["label_token_ids"],
      applySoftmax: true,
      model: "m",
    };
    assert(lethalReason(request) !== null, name);
  }
});

Deno.test("poisonRequests() leave out what a server may not survive or does not refuse", () => {
  const names = (server: typeof SERVER | { maxInputTokens: null }) =>
    poisonRequests(GOOD, { ...SERVER, ...server }).map(({ name }) => name);
  assertEquals(
    names({ ...SERVER, checksLabels: false }).includes(
      "a label id beyond the vocabulary",
    ),
    false,
  );
  assertEquals(
    names({ maxInputTokens: null }).includes(
      "a prompt longer than the context",
    ),
    false,
  );
});
