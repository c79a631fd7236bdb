import { assertEquals, assertMatch } from "@std/assert";
import {
  compareServerArgs,
  loneArgNotes,
  serverArgsOf,
} from "../../lib/baseline/server_args.ts";
import {
  findMismatches,
  serverConditions,
  UNKNOWN_CONDITIONS,
} from "../../lib/baseline/conditions.ts";
import type { ServerRecord } from "../../lib/record/run.ts";
import { parseServerArgs } from "../../lib/witness/arguments.ts";

/**
 * The launch arguments of a TPU v6e-1 of February 2026, as its log has them (alexshires/sglang-jax-dev-scripts, commit
 * 914f6e4, single item).
 */
const LOGGED = [
  "ServerArgs(model_path='REDACTED', tokenizer_path='REDACTED', tokenizer_mode='auto', skip_tokenizer_i",
  "nit=False, load_format='auto', model_loader_extra_config='{}', trust_remote_code=True, context_lengt",
  "h=None, is_embedding=False, revision=None, model_impl='auto', model_layer_nums=None, host='REDACTED'",
  ", port=30000, skip_server_warmup=True, warmups=None, dtype='bfloat16', quantization=None, quantizati",
  "on_param_path=None, quantization_config_path=None, kv_cache_dtype='auto', mem_fraction_static=0.7, m",
  "ax_running_requests=32, max_total_tokens=None, max_prefill_tokens=16384, chunked_prefill_size=4096, ",
  "enable_mixed_chunk=False, schedule_policy='fcfs', schedule_conservativeness=1.0, page_size=1, swa_fu",
  "ll_tokens_ratio=0.8, disable_hybrid_swa_memory=False, device='tpu', device_indexes=None, tp_size=1, ",
  "ep_size=1, stream_interval=1, stream_output=False, random_seed=42, constrained_json_whitespace_patte",
  "rn=None, constrained_json_disable_any_whitespace=False, watchdog_timeout=300, dist_timeout=None, dow",
  "nload_dir=None, sleep_on_idle=False, dp_size=1, log_level='info', log_level_http=None, log_requests=",
  "False, log_requests_level=0, crash_dump_folder=None, show_time_cost=False, bucket_time_to_first_toke",
  "n=None, bucket_inter_token_latency=None, bucket_e2e_request_latency=None, decode_log_interval=40, en",
  "able_request_time_stats_logging=False, kv_events_config=None, api_key=None, served_model_name='/mode",
  "ls/Qwen/Qwen3-0.6B', file_storage_path='sglang_storage', enable_cache_report=False, reasoning_parser",
  "=None, tool_call_parser=None, dist_init_addr=None, nnodes=1, node_rank=0, json_model_override_args='",
  "{}', preferred_sampling_params=None, disable_radix_cache=False, allow_auto_truncate=False, enable_to",
  "kenizer_batch_encode=False, disable_overlap_schedule=False, enable_precision_tracer=False, attention",
  "_backend='fa', moe_backend='epmoe', grammar_backend='llguidance', max_seq_len=4096, precompile_token",
  "_paddings=[1024, 4096], precompile_bs_paddings=[1, 4, 8, 16, 32], disable_precompile=False, speculat",
  "ive_algorithm=None, speculative_draft_model_path=None, speculative_draft_model_revision=None, specul",
  "ative_num_steps=4, speculative_eagle_topk=5, speculative_num_draft_tokens=4, speculative_accept_thre",
  "shold_single=1.0, speculative_accept_threshold_acc=1.0, enable_deterministic_sampling=False, enable_",
  "single_process=False, enable_nan_detection=False, use_sort_for_toppk_minp=False, multi_item_scoring_",
  "delimiter=None, max_multi_item_seq_len=32768, max_multi_item_count=512, multi_item_scoring_chunk_siz",
  "e=32, multi_item_mask_impl='auto', multi_item_segment_fallback_threshold=32768, multi_item_enable_pr",
  "efill_extend=False, multi_item_extend_batch_size=32, multi_item_prefill_extend_cache_timeout=60.0, e",
  "nable_scoring_cache=False, enable_lora=False, max_lora_rank=None, lora_target_modules=None, lora_pat",
  "hs=None, max_loaded_loras=None, max_loras_per_batch=8, lora_eviction_policy='lru', enable_static_lor",
  "a=False, lora_scaling=None, enable_engine_loop_run_forever_daemon=False, multimodal=False, enable_re",
  "turn_routed_experts=False)",
].join("");

function serverOf(changes: Readonly<Record<string, unknown>>): ServerRecord {
  return {
    ...{ model: "Qwen/Qwen3-0.6B", dtype: "bfloat16", tpSize: 1 },
    ...{ version: null, hardware: "tpu-v6e-1" },
    info: { ...parseServerArgs(LOGGED), ...changes },
  };
}

const conditionsOf = (server: ServerRecord) => ({
  ...UNKNOWN_CONDITIONS,
  ...serverConditions([server]),
});

Deno.test("findMismatches() refuses a server with another page size, and bears another port, seed and model path", () => {
  const was = conditionsOf(serverOf({}));
  const harmless = {
    port: 30123,
    host: "0.0.0.0",
    "random_seed": 7,
    "model_path": "/elsewhere/Qwen3-0.6B",
    "tokenizer_path": "/elsewhere/Qwen3-0.6B",
    "served_model_name": "other",
    "log_level": "debug",
    "api_key": "[redacted]",
    "watchdog_timeout": 900,
    "crash_dump_folder": "/tmp/dumps",
  };
  assertEquals(findMismatches(was, conditionsOf(serverOf(harmless))), []);
  assertEquals(
    findMismatches(
      was,
      conditionsOf(serverOf({ ...harmless, "page_size": 64 })),
    ),
    [{ name: "server-args", baseline: "page_size 1", result: "page_size 64" }],
  );
});

Deno.test("findMismatches() compares every argument that may change the speed", () => {
  const was = conditionsOf(serverOf({}));
  const changes: Readonly<Record<string, unknown>> = {
    "chunked_prefill_size": 2048,
    "max_prefill_tokens": 8192,
    "max_running_requests": 8,
    "precompile_token_paddings": [1024],
    "precompile_bs_paddings": [1],
    "disable_radix_cache": true,
    "disable_overlap_schedule": true,
    "disable_precompile": true,
    "attention_backend": "native",
    "dp_size": 2,
    "ep_size": 2,
    "mem_fraction_static": 0.5,
    "kv_cache_dtype": "fp8",
    quantization: "int8",
    "multi_item_scoring_chunk_size": 500,
    "schedule_policy": "lpm",
    // Not known at all.
    "enable_nan_detection": true,
  };
  for (const [name, value] of Object.entries(changes)) {
    const found = findMismatches(
      was,
      conditionsOf(serverOf({ [name]: value })),
    );
    assertEquals(found.length, 1, name);
    assertMatch(found[0]?.result ?? "", new RegExp(`^${name} `));
  }
});

Deno.test("compareServerArgs() takes the value in force for that of the flag, and compares only what both have", () => {
  const flag = serverOf({ "max_running_requests": 32 });
  const inForce = { ...flag, inForce: { "max_running_requests": "3" } };
  assertEquals(
    compareServerArgs(serverArgsOf([flag]), serverArgsOf([inForce])).differing,
    ["max_running_requests 32", "max_running_requests 3"],
  );
  const lone = compareServerArgs(
    serverArgsOf([{ ...flag, info: { "page_size": 1, "old_flag": 1 } }]),
    serverArgsOf([{ ...flag, info: { "page_size": 1, "new_flag": 2 } }]),
  );
  assertEquals(lone, {
    differing: null,
    onlyFirst: ["old_flag"],
    onlySecond: ["new_flag"],
  });
  assertEquals(loneArgNotes(lone).length, 2);
  assertMatch(
    loneArgNotes(lone)[0] ?? "",
    /^Only the server of the baseline .*: old_flag$/,
  );
});

Deno.test("compareServerArgs() holds each server against the one of its model and data type", () => {
  const server = (model: string, pageSize: number): ServerRecord => ({
    ...serverOf({}),
    model,
    info: { "page_size": pageSize },
  });
  const args = (...servers: ServerRecord[]) => serverArgsOf(servers);
  assertEquals(
    compareServerArgs(
      args(server("a", 1), server("b", 64)),
      args(server("b", 64), server("a", 1)),
    ).differing,
    null,
  );
  // One server on each side is compared whatever it is called.
  assertEquals(
    compareServerArgs(args(server("a", 1)), args(server("b", 64))).differing,
    ["page_size 1", "page_size 64"],
  );
  assertEquals(compareServerArgs(null, args(server("a", 1))).differing, null);
  assertEquals(serverArgsOf([{ ...serverOf({}), info: null }]), null);
});

Deno.test("serverArgsOf() keeps nothing of a server's state, and nothing secret by name", () => {
  const kept = serverArgsOf([serverOf({
    "internal_states": [{}],
    "last_gen_throughput": 3,
    "max_total_num_tokens": 5,
    "disaggregation_shared_secret": "x",
    status: "ready",
  })]);
  const [names = []] = Object.values(kept ?? {}).map((args) =>
    Object.keys(args)
  );
  for (
    const name of [
      ..."internal_states last_gen_throughput max_total_num_tokens status"
        .split(" "),
      ..."disaggregation_shared_secret api_key host port model_path dtype tp_size"
        .split(" "),
    ]
  ) assertEquals(names.includes(name), false, name);
});
