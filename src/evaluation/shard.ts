import { UserError } from '../errors.js'

/** One of `of` parts of a work, for a machine: part `number`, counted from 1. */
export interface Shard {
  number: number
  of: number
}

export function shardName({ number, of }: Shard): string {
  return `${number}/${of}`
}

/** Parses `3/16`; undefined if it is no shard. */
export function parseShard(text: string): Shard | undefined {
  const [, ...digits] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []
  const [number, of] = digits.map(Number)
  return number >= 1 && number <= of ? { number, of } : undefined
}

/** Whether a unit of the work, counted from 0, belongs to a shard that takes every n-th. */
export function takesTurn({ number, of }: Shard, unit: number): boolean {
  return unit % of === number - 1
}

/** The units from `from` up to `to` of a shard that takes neighbours. */
export function runOfShard({ number, of }: Shard, units: number): { from: number; to: number } {
  return { from: Math.floor(((number - 1) * units) / of), to: Math.floor((number * units) / of) }
}

interface FoundShard {
  name: string
  shard: Shard
}

/**
 * Puts the shards of one work in order. Throws a UserError that names shards that are there twice, of another number of
 * shards, or missing, and the files in `unfinished`, whose shards are not complete.
 */
export function inShardOrder<F extends FoundShard>(found: readonly F[], unfinished: readonly string[] = []): F[] {
  const ordered: F[] = []
  for (const one of found) {
    const [first] = found
    if (one.shard.of !== first.shard.of) {
      const [a, b] = [first, one].map(({ name, shard }) => `${name} is shard ${shardName(shard)}`)
      throw new UserError(`cannot join: ${a}, and ${b}`)
    }
    const twin = ordered[one.shard.number - 1]
    if (twin) throw new UserError(`cannot join: ${twin.name} and ${one.name} are both shard ${shardName(one.shard)}`)
    ordered[one.shard.number - 1] = one
  }
  const of = found[0]?.shard.of ?? 0
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((number) => !ordered[number - 1])
  if (unfinished.length === 0 && missing.length === 0) return ordered
  const problems = [
    ...(missing.length > 0 ? [`of ${of} shards, ${ranges(missing)} ${missing.length > 1 ? 'are' : 'is'} missing`] : []),
    ...unfinished.slice(0, MOST_NAMES).map((name) => `${name} does not end as a complete shard: run its command again`),
    ...(unfinished.length > MOST_NAMES ? [`${unfinished.length - MOST_NAMES} more do not`] : []),
  ]
  throw new UserError(`cannot join: ${problems.join('; ')}`)
}

const MOST_NAMES = 4

/** `3,7-9`: ascending numbers as Slurm's --array takes them. */
function ranges(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run && run[1] === number - 1) run[1] = number
    else runs.push([number, number])
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',')
}
