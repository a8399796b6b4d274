import { parseShard, type Shard } from '../../../../evaluation/shard.js'
import { isObject } from '../../../../json.js'
import { begins } from './written.js'

/**
 * The last line in the output of a shard. It says that each line of the shard has a result, and of what input, model and
 * options, so that a join can check that the shards belong together.
 */
export interface Receipt {
  shard: Shard
  /** Number of results of this shard. */
  results: number
  input: InputSummary
  model: string
  /** Hash of the options of the command line. */
  options: string
}

/** A whole input: the number of its lines that are not empty, and a hash of them. */
export interface InputSummary {
  lines: number
  hash: string
}

/** The line of a receipt. The shard comes first, as `beginsReceipt` expects. */
export function receiptLine({ shard: { number, of }, ...rest }: Receipt): string {
  return `${JSON.stringify({ shard: `${number}/${of}`, ...rest })}\n`
}

/** Whether an incomplete line can be a receipt. */
export function beginsReceipt(bytes: Buffer | undefined): boolean {
  return begins(bytes, '{"shard":')
}

/** Parses a line of an output; undefined if it is not a receipt. */
export function parseReceipt(bytes: Buffer | undefined): Receipt | undefined {
  if (!bytes || !beginsReceipt(bytes)) return undefined
  try {
    const { shard: named, results, input, model, options }: Record<string, unknown> = JSON.parse(bytes.toString())
    const shard = typeof named === 'string' ? parseShard(named) : undefined
    if (!shard || !isCount(results) || typeof model !== 'string' || typeof options !== 'string') return undefined
    if (!isObject(input) || !isCount(input.lines) || typeof input.hash !== 'string') return undefined
    return { shard, results, input: { lines: input.lines, hash: input.hash }, model, options }
  } catch {
    return undefined
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
