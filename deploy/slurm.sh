#!/bin/sh
# Stresses a server from several hosts, and merges what they saw. From the root of the repository:
#
#   sbatch --ntasks 4 --ntasks-per-node 1 deploy/slurm.sh --url http://10.0.0.7:30000 --scenario sustained --rate 4000
#   sbatch --array 0-3 deploy/slurm.sh --url http://10.0.0.7:30000 --scenario sustained --rate 4000
#
# The first is one job that starts when all hosts are free; the jobs of the second wait for each other, at most
# --start-timeout seconds. The exit code is the verdict: 0 passed, 1 failed, 3 INVALID. All words are flags of stress.ts.
#
# SCOREBENCH   the command; the executable results/scorebench serves as well (default: npx -y deno@2.9.6 task)
# SHARD_ROOT   a folder that all hosts see (default: results/shards, where the repository is on such a folder)
# SCORE_API_KEY is handed on to the tasks.
#SBATCH --job-name=scorebench
#SBATCH --cpus-per-task=2
#SBATCH --time=01:00:00

set -u
scorebench=${SCOREBENCH:-npx -y deno@2.9.6 task}
run=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}
shards=${SHARD_ROOT:-results/shards}/$run

# The command may be several words.
# shellcheck disable=SC2086
merge() {
  $scorebench report merge "$shards" --output "results/stress-$run.json" --output "results/stress-$run.html"
}

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
  # shellcheck disable=SC2086
  $scorebench stress --shard auto --shard-dir "$shards" "$@"
  code=$?
  # Shard 0 ends when all others have ended, or were given up.
  [ "$SLURM_ARRAY_TASK_ID" = "${SLURM_ARRAY_TASK_MIN:-0}" ] || exit $code
else
  # A task that dies must not end the others: they say what was measured.
  # shellcheck disable=SC2086
  srun --kill-on-bad-exit=0 --wait=0 $scorebench stress --shard auto --shard-dir "$shards" "$@"
fi
merge
