import type { CommandLines } from '../commands.js'

/** Batches of `molm run`. */
export const BATCH_LINES: CommandLines = {
  'batch-answers': 'molm run --batch in/batch.jsonl --temperature 0 --parallel 2 -o answers.jsonl',
  'batch-stdin': 'molm run --batch - --temperature 0 < in/batch.jsonl',
  'batch-bad-lines': 'molm run --batch in/bad.jsonl --temperature 0 -n 6 -o answers.jsonl',
  'batch-shared-beginnings': 'molm run --batch in/shared.jsonl --temperature 0 -n 6 --verbose',
  'batch-resumed': [
    'molm run --batch in/batch.jsonl --temperature 0 -o whole.jsonl',
    'head -c 900 whole.jsonl > cut.jsonl',
    'molm run --batch in/batch.jsonl --temperature 0 -o cut.jsonl',
    'cmp whole.jsonl cut.jsonl && echo the same',
    'molm run --batch in/batch.jsonl --temperature 0 -o cut.jsonl',
    'molm run --batch in/batch.jsonl --temperature 0.5 -o cut.jsonl',
    'molm run --batch in/bad.jsonl --temperature 0 -o cut.jsonl',
  ],
  'batch-edited': [
    'molm run --batch in/bad.jsonl --temperature 0 -n 4 -o answers.jsonl',
    `sed 's/maxTokns/maxTokens/' in/bad.jsonl > edited.jsonl`,
    'molm run --batch edited.jsonl --temperature 0 -n 4 -o answers.jsonl',
  ],
  'batch-tools': 'molm run --batch in/tools.jsonl -m models/parrot --temperature 0 -o answers.jsonl',
  'batch-schema': 'molm run --batch in/forms.jsonl --temperature 0 -n 40',
  'batch-shards': [
    'molm run --batch in/batch.jsonl --temperature 0 --shard 1/2 -o 1.jsonl',
    'molm run --batch in/batch.jsonl --temperature 0 --shard 2/2 -o 2.jsonl',
    'molm run --join 2.jsonl 1.jsonl -o all.jsonl',
    'molm run --join 1.jsonl',
    'molm run --batch in/batch.jsonl --temperature 0 --shard 2/2 -o 1.jsonl',
    'molm run --batch in/batch.jsonl --shard 3/2',
  ],
  'batch-empty': 'molm run --batch - < /dev/null',
  'batch-with-words': 'molm run --batch in/batch.jsonl Hello',
  'batch-jsonl': 'molm run --batch in/batch.jsonl --jsonl',
  'batch-missing': 'molm run --batch nowhere.jsonl',
  'batch-same-file': 'cp in/batch.jsonl b.jsonl; molm run --batch b.jsonl -o b.jsonl',
  'batch-parallel-alone': 'molm run --parallel 2 "Hi"',
  'batch-output-alone': 'molm run -o out.jsonl "Hi"',
}
