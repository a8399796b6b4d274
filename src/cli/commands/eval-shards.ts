import { createHash } from 'node:crypto'
import { windowSizes } from '../../evaluation/evaluate-text.js'
import type { Shard } from '../../evaluation/shard.js'
import { parseShardJson, shardJson } from '../../evaluation/shard-json.js'
import { joinScores } from '../../evaluation/shard-scores.js'
import { readBounded } from '../../files/bounded-file.js'
import { expandHome } from '../../files/home.js'
import { writeOut } from '../io/output.js'
import type { EvalOptions, MeasuredParts, Measures } from './eval-parts.js'
import { modelEffects } from './model-effects.js'
import { referenceOptions } from './reference-model.js'

const MOST_SHARD_BYTES = 2 ** 28

/** Prints the scores of a shard, with all that a join compares. */
export async function printShard(
  shard: Shard,
  { model, other, texts, tasks }: MeasuredParts,
  { files }: Measures,
  options: EvalOptions,
): Promise<void> {
  const hashes = files.map(({ text }) => hashOf(text))
  const json = shardJson({
    shard,
    model,
    ...(other !== undefined && { against: other }),
    options: await comparedOptions(options),
    texts: texts.map((part, i) => ({ ...part, hash: hashes[i] })),
    tasks: tasks.map((part, i) => ({ ...part, hash: hashes[texts.length + i] })),
  })
  await writeOut(`${json}\n`)
}

/** Reads the shards of an evaluation, and puts their scores in the order of one run. */
export async function joinedParts(files: readonly string[]): Promise<MeasuredParts> {
  const shards = []
  for (const name of files.map(expandHome)) {
    const bytes = await readBounded(name, MOST_SHARD_BYTES, 'is it a file of `molm eval --shard`?')
    shards.push({ ...parseShardJson(bytes, name), name })
  }
  const { against, ...parts } = joinScores(shards)
  return { ...parts, ...(against !== undefined && { other: against }) }
}

/** The effects of the options on which scores depend. */
async function comparedOptions(options: EvalOptions): Promise<Record<string, unknown>> {
  const { against } = options
  const [{ found, effects }, other] = await Promise.all([
    modelEffects(options),
    against === undefined ? undefined : referenceOptions(against, options).then(modelEffects),
  ])
  const all = { ...effects, ...windowSizes(found.config, options), against: other?.effects }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}
