import { UserError } from '../errors.js'
import { isObject, parseJsonObject } from '../json.js'
import { parseShard, shardName } from './shard.js'
import type { ShardScores } from './shard-scores.js'

/** Maximum values in the file of a shard: those of a million windows. */
const MOST_VALUES = 2 ** 23

/** The JSON of a shard's scores. Numbers that JSON lacks become texts: "NaN", "Infinity". */
export function shardJson({ shard, tasks, ...scores }: ShardScores): string {
  const spell = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  const named = tasks.map(({ answers, ...task }) => ({
    ...task,
    answers: answers.map(({ chosenNorm, ...answer }) => ({ ...answer, chosen_norm: chosenNorm })),
  }))
  return JSON.stringify({ shard: shardName(shard), ...scores, tasks: named }, spell)
}

/** Parses what `shardJson` gives. Throws a UserError that begins with `name` for anything else. */
export function parseShardJson(bytes: Uint8Array, name: string): ShardScores {
  const { shard: named, model, against, options, texts, tasks } = parseJsonObject(bytes, name, MOST_VALUES)
  const shard = typeof named === 'string' ? parseShard(named) : undefined
  const refuse = (what: string) => new UserError(`${name}: is not a shard of \`molm eval --shard\` (${what})`)
  if (!shard) throw refuse('"shard"')
  if (typeof model !== 'string') throw refuse('"model"')
  if (against !== undefined && typeof against !== 'string') throw refuse('"against"')
  if (!isObject(options)) throw refuse('"options"')
  const list = (value: unknown, field: string): Record<string, unknown>[] => {
    if (!Array.isArray(value) || !value.every(isObject)) throw refuse(`"${field}"`)
    return value
  }
  const read = <T>(value: Record<string, unknown>, field: string, readValue: (value: unknown) => T | undefined): T => {
    const found = readValue(value[field])
    if (found === undefined) throw refuse(`"${field}"`)
    return found
  }
  const head = (part: Record<string, unknown>) => ({
    file: read(part, 'file', textOf),
    hash: read(part, 'hash', textOf),
  })
  return {
    shard,
    model,
    ...(against !== undefined && { against }),
    options,
    texts: list(texts, 'texts').map((text) => ({
      ...head(text),
      tokens: read(text, 'tokens', countOf),
      bytes: read(text, 'bytes', countOf),
      windows: read(text, 'windows', countOf),
      scores: list(text.scores, 'scores').map((score) => ({
        window: read(score, 'window', countOf),
        scored: read(score, 'scored', countOf),
        nll: read(score, 'nll', numberOf),
        ...(against !== undefined && {
          divergence: read(score, 'divergence', numberOf),
          same: read(score, 'same', countOf),
        }),
      })),
    })),
    tasks: list(tasks, 'tasks').map((task) => {
      const answers = list(task.answers, 'answers')
      const loglikelihoods = read(task, 'loglikelihoods', numberListsOf)
      if (loglikelihoods.length !== answers.length) throw refuse('"loglikelihoods"')
      return {
        ...head(task),
        items: read(task, 'items', countOf),
        from: read(task, 'from', countOf),
        answers: answers.map((answer) => ({
          line: read(answer, 'line', countOf),
          answer: read(answer, 'answer', countOf),
          chosen: read(answer, 'chosen', countOf),
          chosenNorm: read(answer, 'chosen_norm', countOf),
        })),
        loglikelihoods,
      }
    }),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined
}

function numberListsOf(value: unknown): number[][] | undefined {
  if (!Array.isArray(value)) return undefined
  const lists: number[][] = []
  for (const list of value) {
    const numbers = Array.isArray(list) ? list.map(numberOf) : [undefined]
    if (numbers.includes(undefined)) return undefined
    lists.push(numbers as number[])
  }
  return lists
}
