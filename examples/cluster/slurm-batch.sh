#!/bin/bash
# Answers the lines of a file on many nodes, as a Slurm array job; docs/RECIPES.md explains it. To submit it:
#   export MODEL=nano INPUT=questions.jsonl OUTPUT=answers SHARDS=16
#   sbatch --array=1-$SHARDS examples/cluster/slurm-batch.sh
# and once all tasks are done:
#   cat "$OUTPUT".*.jsonl > "$OUTPUT.jsonl"
#SBATCH --job-name=molm-batch
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x.%A.%a.log
set -eu

# After a kill, a time limit or a requeue, the same task resumes at the first line without an answer. To repeat tasks, give
# their numbers: sbatch --array=3,7-9. SHARDS stays, unlike $SLURM_ARRAY_TASK_COUNT.
exec molm run --model "${MODEL:-nano}" --threads "${SLURM_CPUS_PER_TASK:-1}" --quiet \
  --batch "$INPUT" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" -o "$OUTPUT.$SLURM_ARRAY_TASK_ID.jsonl" --temperature 0
