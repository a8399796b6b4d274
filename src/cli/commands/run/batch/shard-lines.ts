import { createHash } from 'node:crypto'
import type { Shard } from '../../../../evaluation/shard.js'
import type { Line } from '../../../../files/lines.js'
import { HASH_LENGTH } from './hash.js'
import type { InputSummary } from './receipt.js'

/**
 * Chooses the lines of a shard among those that are not empty: line i of them, counted from 0, belongs to shard i mod n.
 * So shards have equal shares of an input that is sorted by length, an input that grows only adds to the end of each
 * shard, and a pipe need not be read twice. Counts and hashes the lines of all shards.
 */
export class ShardLines {
  private lines = 0
  private readonly hash = createHash('sha256')

  constructor(private readonly shard: Shard) {}

  /** Whether the next line belongs to the shard. */
  takes({ bytes, end }: Line): boolean {
    this.hash.update(bytes ?? `a long line that ends at ${end}`).update('\n')
    return this.lines++ % this.shard.of === this.shard.number - 1
  }

  /** The input, once all lines have been read. */
  summary(): InputSummary {
    return { lines: this.lines, hash: this.hash.digest('hex').slice(0, HASH_LENGTH) }
  }
}

/** Number of lines of a shard. */
export function linesOfShard({ number, of }: Shard, lines: number): number {
  return Math.ceil(Math.max(0, lines - (number - 1)) / of)
}
