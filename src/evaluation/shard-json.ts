import { UserError } from '../errors.js'
import { isObject, parseJsonObject } from '../json.js'
import { parseShard, type Shard, shardName } from './shard.js'
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

/** Readers of fields; undefined for a value that a field cannot have. */
type Readers = Record<string, (value: unknown) => unknown>
type Fields<R extends Readers> = { [K in keyof R]: Exclude<ReturnType<R[K]>, undefined> }

/** Parses what `shardJson` gives. Throws a UserError that begins with `name` for anything else. */
export function parseShardJson(bytes: Uint8Array, name: string): ShardScores {
  const whole = parseJsonObject(bytes, name, MOST_VALUES)
  const refuse = (field: string) => new UserError(`${name}: is not a shard of \`molm eval --shard\` ("${field}")`)
  const read = <R extends Readers>(object: Record<string, unknown>, readers: R): Fields<R> => {
    const values = Object.entries(readers).map(([field, of]) => {
      const value = of(object[field])
      if (value === undefined) throw refuse(field)
      return [field, value]
    })
    return Object.fromEntries(values)
  }
  const { shard, model } = read(whole, { shard: shardOf, model: textOf })
  const against = whole.against === undefined ? {} : read(whole, { against: textOf })
  const { options, texts, tasks } = read(whole, { options: objectOf, texts: objectsOf, tasks: objectsOf })
  const score = 'against' in against ? { ...SCORE, divergence: numberOf, same: countOf } : SCORE
  return {
    ...{ shard, model, ...against, options },
    texts: texts.map((text) => {
      const { scores, ...about } = read(text, TEXT)
      return { ...about, scores: scores.map((one) => read(one, score)) }
    }),
    tasks: tasks.map((task) => {
      const { answers, ...about } = read(task, TASK)
      if (about.loglikelihoods.length !== answers.length) throw refuse('loglikelihoods')
      const answerOf = (value: Record<string, unknown>) => {
        const { chosen_norm: chosenNorm, ...answer } = read(value, ANSWER)
        return { ...answer, chosenNorm }
      }
      return { ...about, answers: answers.map(answerOf) }
    }),
  }
}

function shardOf(value: unknown): Shard | undefined {
  return typeof value === 'string' ? parseShard(value) : undefined
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return isObject(value) ? value : undefined
}

function objectsOf(value: unknown): Record<string, unknown>[] | undefined {
  return Array.isArray(value) && value.every(isObject) ? value : undefined
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
  const lists = value.map((list: unknown) => (Array.isArray(list) ? list.map(numberOf) : [undefined]))
  return lists.some((list) => list.includes(undefined)) ? undefined : (lists as number[][])
}

const FILE = { file: textOf, hash: textOf }
const TEXT = { ...FILE, tokens: countOf, bytes: countOf, windows: countOf, scores: objectsOf }
const SCORE = { window: countOf, scored: countOf, nll: numberOf }
const TASK = { ...FILE, items: countOf, from: countOf, answers: objectsOf, loglikelihoods: numberListsOf }
const ANSWER = { line: countOf, answer: countOf, chosen: countOf, chosen_norm: countOf }
