/**
 * The launch arguments and internal state that the simulated engine shows at `/get_server_info`.
 *
 * @module
 */
import type { QueueStatus } from "./cost.ts";
import type { EngineOptions } from "./options.ts";

/** The parts of the engine's state that `/get_server_info` shows. */
export interface EngineState extends QueueStatus {
  /** Tokens of the pool that a simulated leak has lost. */
  readonly leakedTokens: number;
}

/** Longest prompt that is accepted plus one, in tokens, as SGLang-JAX derives it: a prompt of this length is refused. */
export function maxRequestInputLength(options: EngineOptions): number {
  return Math.min(options.contextLength - 1, options.kvPoolTokens - 1) - 5;
}

/**
 * Returns the body of `/get_server_info`: the launch arguments, flat and with the API key in clear text as a real server shows it, then the state.
 * `device`, `load_format`, `tokenizer_path` and `version` say that the engine is simulated.
 */
export function serverInfo(
  options: EngineOptions,
  state: EngineState,
): Record<string, unknown> {
  return {
    ...LAUNCH_ARGUMENTS,
    "model_path": options.modelPath,
    dtype: options.dtype,
    "max_running_requests": options.maxRunningRequests,
    "max_total_tokens": options.kvPoolTokens,
    "max_prefill_tokens": options.maxPrefillTokens,
    "chunked_prefill_size": options.maxPrefillTokens,
    "page_size": options.pageSize,
    "random_seed": options.seed,
    "api_key": options.apiKey,
    "served_model_name": options.modelPath,
    "disable_radix_cache": options.disableRadixCache,
    status: "ready",
    "max_total_num_tokens": options.kvPoolTokens,
    "max_req_input_len": maxRequestInputLength(options),
    "internal_states": [internalState(options, state)],
    version: "0.0.0+simulated",
  };
}

function internalState(
  options: EngineOptions,
  state: EngineState,
): Record<string, unknown> {
  const available = Math.max(
    0,
    options.kvPoolTokens - state.cachedTokens - state.leakedTokens,
  );
  const isIdle = state.running === 0;
  return {
    device: "simulated",
    "chunked_prefill_size": options.maxPrefillTokens,
    "disable_radix_cache": options.disableRadixCache,
    "speculative_algorithm": null,
    "speculative_accept_threshold_single": 1.0,
    "speculative_accept_threshold_acc": 1.0,
    "enable_deterministic_sampling": false,
    "pd_disaggregation": "",
    "last_gen_throughput": 0,
    "memory_usage": { "kvcache": 0, "token_capacity": options.kvPoolTokens },
    "engine_paused": false,
    "waiting_queue_size": state.waiting,
    "pending_dp_reqs_size": 0,
    "running_batch_size": state.running,
    "prefill_decode_size": 0,
    "waiting_queue_rids": [],
    "running_batch_rids": [],
    "cur_batch_is_none": isIdle,
    "last_batch_is_none": isIdle,
    "chunked_req_is_none": true,
    "chunked_req_rids": [null],
    "tree_cache_size": state.cachedTokens,
    "req_to_token_pool_total": options.maxRunningRequests,
    "req_to_token_pool_available": options.maxRunningRequests - state.running,
    "req_to_token_pool_used": state.running,
    "available_kv_tokens": available,
    "available_kv_tokens_per_dp": [available],
    "num_generated_tokens": 0,
    "forward_ct_decode": state.batches,
    "new_token_ratio": 0.7,
    "init_new_token_ratio": 0.7,
    "disagg_prefill_queue_size": 0,
    "disagg_prealloc_queue_size": 0,
    "disagg_transfer_queue_size": 0,
  };
}

/** The arguments of a real server, as recorded, in their order; the engine's own options replace theirs. */
const LAUNCH_ARGUMENTS: Readonly<Record<string, unknown>> = JSON.parse(`{
"model_path": null, "tokenizer_path": "simulated", "tokenizer_mode": "auto",
"tokenizer_backend": "huggingface", "skip_tokenizer_init": false,
"load_format": "simulated", "model_loader_extra_config": "{}",
"trust_remote_code": false, "context_length": null, "is_embedding": false,
"revision": null, "model_impl": "auto", "model_layer_nums": null,
"host": "127.0.0.1", "port": null, "skip_server_warmup": false,
"warmups": null, "dtype": null, "quantization": null,
"quantization_param_path": null, "quantization_config_path": null,
"kv_cache_dtype": "auto", "dtype_config": null, "mem_fraction_static": 0.5,
"max_running_requests": null, "max_total_tokens": null,
"max_prefill_tokens": null, "chunked_prefill_size": null,
"enable_mixed_chunk": false, "schedule_policy": "fcfs",
"schedule_conservativeness": 1.0, "page_size": null,
"swa_full_tokens_ratio": 0.8, "recurrent_state_memory_ratio": 0.9,
"max_recurrent_state_size": null, "recurrent_track_interval": null,
"disable_hybrid_swa_memory": false, "device": "simulated",
"device_indexes": null, "pd_disaggregation": "",
"pd_prefill_mem_fraction": 0.85, "pd_decode_mem_fraction": 0.85,
"pd_prefill_max_tokens": 20480, "pd_decode_max_tokens": 25600,
"pd_num_prefill": 1, "pd_num_decode": 1, "pd_prefill_tp_size": 0,
"pd_prefill_ep_size": 0, "tp_size": 1, "ep_size": 1,
"ep_num_redundant_experts": 0, "ep_dispatch_algorithm": null,
"enable_sequence_parallel": false, "stream_interval": 1,
"stream_output": false, "random_seed": null,
"constrained_json_whitespace_pattern": null,
"constrained_json_disable_any_whitespace": false, "watchdog_timeout": 300,
"dist_timeout": null, "download_dir": null, "sleep_on_idle": false,
"dp_size": 1, "dp_schedule_policy": "cache_aware", "log_level": "info",
"log_level_http": null, "log_requests": false, "log_requests_level": 0,
"crash_dump_folder": null, "show_time_cost": false, "enable_metrics": false,
"bucket_time_to_first_token": null, "bucket_inter_token_latency": null,
"bucket_e2e_request_latency": null, "decode_log_interval": 40,
"enable_request_time_stats_logging": false, "kv_events_config": null,
"api_key": null, "served_model_name": null,
"file_storage_path": "sglang_storage", "enable_cache_report": false,
"reasoning_parser": null, "tool_call_parser": null, "dist_init_addr": null,
"nnodes": 1, "node_rank": 0, "json_model_override_args": "{}",
"preferred_sampling_params": null, "disable_radix_cache": null,
"enable_unified_radix_tree": false, "hicache_storage": "disable",
"hicache_ratio": 2.0, "hicache_write_through_threshold": 1,
"hicache_write_policy": "write_through",
"enable_recurrent_extra_buffer": false, "allow_auto_truncate": false,
"enable_tokenizer_batch_encode": false, "disable_overlap_schedule": false,
"enable_precision_tracer": false, "attention_backend": "simulated",
"gdn_prefill_impl": "fused_chunk_parallel", "dsa_use_pallas": true,
"moe_backend": "epmoe", "disable_jax_allreduce_metadata": false,
"enable_topk_kernel": true, "grammar_backend": "none", "max_seq_len": 4096,
"precompile_token_paddings": [64, 128, 256], "precompile_bs_paddings": [8],
"disable_precompile": false, "speculative_algorithm": null,
"speculative_draft_model_path": null,
"speculative_draft_model_revision": null, "speculative_num_steps": 4,
"speculative_eagle_topk": 5, "speculative_num_draft_tokens": 4,
"speculative_accept_threshold_single": 1.0,
"speculative_accept_threshold_acc": 1.0,
"enable_deterministic_sampling": false, "enable_single_process": false,
"enable_nan_detection": false, "use_sort_for_toppk_minp": false,
"enable_lora": false, "max_lora_rank": null, "lora_target_modules": null,
"lora_paths": null, "max_loaded_loras": null, "max_loras_per_batch": 8,
"lora_eviction_policy": "lru", "enable_static_lora": false,
"lora_scaling": null, "enable_engine_loop_run_forever_daemon": false,
"multimodal": false, "enable_return_routed_experts": false,
"enable_expert_balance_debug": false, "expert_balance_segment_counter": 100,
"expert_balance_output_file": null, "init_expert_location": "trivial",
"enable_expert_distribution_recorder": false,
"expert_distribution_recorder_buffer_size": 100,
"expert_distribution_recorder_output_file": null,
"disaggregation_mode": "null", "disaggregation_bootstrap_url": null,
"disaggregation_bootstrap_port": 8998, "disaggregation_transfer_port": 30001,
"disaggregation_enable_d2h": false, "disaggregation_use_raiden": false,
"disaggregation_enable_chunk_prefill_transfer": false,
"disaggregation_side_channel_port": 9600, "disaggregation_d2h_pool_size": 64,
"disaggregation_d2h_max_tokens": null, "disaggregation_channel_number": 4,
"disaggregation_host_ip": null,
"disaggregation_bootstrap_timeout_seconds": 5.0,
"disaggregation_pull_timeout_seconds": 30.0,
"disaggregation_ack_timeout_seconds": 60.0,
"disaggregation_orphan_reaper_interval_seconds": 5.0,
"disaggregation_shared_secret": null,
"disaggregation_decode_watchdog_seconds": 0.0,
"disaggregation_num_reserved_decode_tokens": 512,
"disaggregation_max_inflight_transfers": 8
}`);
