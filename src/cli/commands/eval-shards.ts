import { createHash } from 'node:crypto'
import type { Shard } from '../../evaluation/shard.js'
import { parseShardJson, shardJson } from '../../evaluation/shard-json.js'
import { joinScores } from '../../evaluation/shard-scores.js'
import { readBounded } from '../../files/bounded-file.js'
import { expandHome } from '../../files/home.js'
import { writeOut } from '../io/output.js'
import { readMaskFiles } from '../parsing/mask-option.js'
import { modelName } from '../parsing/options.js'
import type { EvalOptions } from './eval-options.js'
import type { MeasuredParts, Measures } from './eval-parts.js'
import { referenceOptions } from './reference-model.js'

/** Maximum bytes of the file of a shard. */
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

/** The options on which scores depend. */
async function comparedOptions(options: EvalOptions): Promise<Record<string, unknown>> {
  const { window, stride, against } = options
  const [own, other] = await Promise.all([
    packingOf(options),
    against === undefined ? undefined : referenceOptions(against, options).then(packingOf),
  ])
  const masks = await readMaskFiles(options.mask)
  const mask = masks.map(({ source, bytes }) => (bytes ? hashOf(bytes) : source))
  const all = { ...own, window, stride, mask: mask.length > 0 ? mask : undefined, against: other }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

async function packingOf(options: Pick<EvalOptions, 'model' | 'quant' | 'expertsPerToken' | 'cacheType'>) {
  const { resolveModel } = await import('../../library/resolve-model.js')
  const { quant, stored } = await resolveModel(modelName(options.model), options.quant)
  const numbers = options.expertsPerToken ?? stored?.numbers
  return {
    quant,
    ...(numbers !== undefined && numbers !== 'trained' && { experts_per_token: numbers }),
    cache_type: options.cacheType,
  }
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}
