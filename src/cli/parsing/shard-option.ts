import { Option } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'

/** One of `of` parts of a batch, for a machine: part `number`, counted from 1. */
export interface Shard {
  number: number
  of: number
}

export function shardOption(): Option {
  return new Option('--shard <i/n>', 'answer every n-th line from line i on, on one of n machines').argParser(shardOf)
}

function shardOf(text: string): Shard {
  const [, ...digits] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []
  const [number, of] = digits.map(Number)
  if (number >= 1 && number <= of) return { number, of }
  const hint = text.startsWith('0/') ? 'shards count from 1' : 'like 3/16, the third of sixteen'
  throw new UsageError(`--shard must be a number and the number of shards: ${hint}, not '${printable(text, 40)}'`)
}
