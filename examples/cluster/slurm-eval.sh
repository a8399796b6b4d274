#!/bin/bash
# Measures a model on many nodes, as a Slurm array job; docs/CLUSTER.md explains it. To submit it and the join:
#   export MODEL=nano TEXT=book.txt TASK=questions.jsonl OUTPUT=scores SHARDS=16
#   id=$(sbatch --parsable --array=1-$SHARDS examples/cluster/slurm-eval.sh)
#   sbatch --dependency=afterok:$id --wrap 'molm eval --join "$OUTPUT".*.json --json > "$OUTPUT.json"'
#SBATCH --job-name=molm-eval
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --output=%x.%A.%a.log
set -eu

file="$OUTPUT.$SLURM_ARRAY_TASK_ID.json"
molm eval --model "${MODEL:-nano}" --threads "${SLURM_CPUS_PER_TASK:-1}" --quiet \
  --text "$TEXT" --task "$TASK" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --json > "$file.partial"
# A task that is killed leaves no file that looks complete.
mv "$file.partial" "$file"
