import { UserError } from '../errors.js'
import { inShardOrder, type Shard, takesTurn } from './shard.js'
import type { TaskParts } from './task-score.js'
import type { TextParts } from './text-score.js'

/** A text or a task of an evaluation, with a hash of its contents. */
type Hashed<Parts> = Parts & { hash: string }

/** The scores of one shard of an evaluation, as its file has them. */
export interface ShardScores {
  shard: Shard
  model: string
  against?: string
  /** Options that change scores, as JSON has them. */
  options: Record<string, unknown>
  texts: Hashed<TextParts>[]
  tasks: Hashed<TaskParts>[]
}

/** Scores of all shards together. */
export type JoinedScores = Pick<ShardScores, 'model' | 'against'> & { texts: TextParts[]; tasks: TaskParts[] }

/**
 * Puts the scores of all shards in the order of one run. `name` is the file of a shard. Throws a UserError that says which
 * shards are missing or differ in model, options, texts or tasks.
 */
export function joinScores(found: readonly (ShardScores & { name: string })[]): JoinedScores {
  const shards = inShardOrder(found)
  const [first] = shards
  for (const one of shards) checkAlike(first, one)
  let before = 0
  const texts = first.texts.map((text, index) => {
    const joined = joinText(
      shards.map(({ name, shard, texts }) => ({ name, shard, text: texts[index] })),
      before,
    )
    before += text.windows
    return joined
  })
  const tasks = first.tasks.map((_, index) => joinTask(shards.map(({ name, tasks }) => ({ name, task: tasks[index] }))))
  return { model: first.model, ...(first.against !== undefined && { against: first.against }), texts, tasks }
}

function checkAlike(first: ShardScores & { name: string }, one: ShardScores & { name: string }): void {
  const refuse = (what: string) => new UserError(`cannot join: ${first.name} and ${one.name} ${what}`)
  if (one.model !== first.model) throw refuse(`are of two models, ${first.model} and ${one.model}`)
  if (one.against !== first.against) throw refuse('compare with different models')
  const names = [...new Set([first, one].flatMap(({ options }) => Object.keys(options)))]
  const others = names.filter((key) => JSON.stringify(first.options[key]) !== JSON.stringify(one.options[key]))
  if (others.length > 0) throw refuse(`have different options: ${others.join(', ')}`)
  const inputs = [first, one].map(({ texts, tasks }) => [...texts, ...tasks])
  const differs = inputs[0].findIndex(
    (input, i) => input.file !== inputs[1][i]?.file || input.hash !== inputs[1][i].hash,
  )
  if (first.texts.length !== one.texts.length || inputs[0].length !== inputs[1].length || differs >= 0) {
    const place = differs >= 0 ? `: ${inputs[0][differs].file}` : ''
    throw refuse(`measure different files${place}`)
  }
}

/** Joins the windows of a text. `before` is the number of windows in the texts before it. */
function joinText(parts: readonly { name: string; shard: Shard; text: TextParts }[], before: number): TextParts {
  const [{ text }] = parts
  const queues = parts.map(({ text }) => text.scores.values())
  const found = parts.reduce((sum, { text }) => sum + text.scores.length, 0)
  // One more than there are is enough to find the first that is missing.
  const scores = Array.from({ length: Math.min(text.windows, found + 1) }, (_, window) => {
    const owner = (before + window) % parts.length
    const score = queues[owner].next().value
    if (score?.window !== window) throw notOf(parts[owner].name, `window ${window} of ${text.file}`)
    return score
  })
  for (const { name, shard, text: part } of parts) {
    const isSame = part.windows === text.windows && part.tokens === text.tokens && part.bytes === text.bytes
    const own = scores.filter(({ window }) => takesTurn(shard, before + window))
    if (!isSame || part.scores.length !== own.length) throw notOf(name, `the windows of ${text.file}`)
  }
  return { ...text, scores }
}

function joinTask(parts: readonly { name: string; task: TaskParts }[]): TaskParts {
  const [{ task }] = parts
  const joined: TaskParts = { ...task, from: 0, answers: [], loglikelihoods: [] }
  for (const { name, task: part } of parts) {
    const isNext = part.answers.length === 0 || part.from === joined.answers.length
    if (!isNext || part.items !== task.items) throw notOf(name, `item ${joined.answers.length} of ${task.file}`)
    for (const answer of part.answers) joined.answers.push(answer)
    for (const list of part.loglikelihoods) joined.loglikelihoods.push(list)
  }
  if (joined.answers.length !== task.items) throw notOf(parts[0].name, `all items of ${task.file}`)
  return joined
}

function notOf(name: string, what: string): UserError {
  return new UserError(`${name}: does not have ${what} at its place`)
}
