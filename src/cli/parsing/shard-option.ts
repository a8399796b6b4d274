import { Option } from 'commander'
import { UsageError } from '../../errors.js'
import { parseShard, type Shard } from '../../evaluation/shard.js'
import { printable } from '../../printable.js'

/** The option --shard. `what` says which part of the work a shard is. */
export function shardOption(what: string): Option {
  return new Option('--shard <i/n>', what).argParser(shardOf)
}

function shardOf(text: string): Shard {
  const shard = parseShard(text)
  if (shard) return shard
  const hint = text.startsWith('0/') ? 'shards count from 1' : 'like 3/16, the third of sixteen'
  throw new UsageError(`--shard must be a number and the number of shards: ${hint}, not '${printable(text, 40)}'`)
}
