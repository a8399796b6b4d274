import type { Model } from '../api/model.js'
import { UserError } from '../errors.js'
import { checkLanguageModel } from './check-language-model.js'
import { indexOfLargest } from './probabilities.js'
import { encodePlain } from './reading.js'
import { type EncodedItem, scoreItems } from './score-items.js'
import type { Task, TaskItem } from './task-file.js'
import { type TaskAnswer, type TaskParts, type TaskScore, taskScore } from './task-score.js'

export interface EvaluateTaskOptions {
  onProgress?: (done: { items: number; of: number }) => void
  signal?: AbortSignal
}

/**
 * Answers multiple-choice questions as lm-evaluation-harness does, with the choice whose tokens the model finds
 * likeliest after the context. The first of equally likely choices is the answer.
 */
export async function evaluateTask(model: Model, task: Task, options: EvaluateTaskOptions = {}): Promise<TaskScore> {
  return taskScore(await scoreTask(model, task, options))
}

/** Answers the questions from `from` (default: the first) up to `to` (default: all), as `evaluateTask` does. */
export async function scoreTask(
  model: Model,
  { name, items, lines }: Task,
  { onProgress, signal, from = 0, to = items.length }: EvaluateTaskOptions & { from?: number; to?: number } = {},
): Promise<TaskParts> {
  checkLanguageModel(model)
  const own = items.slice(from, to)
  const encoded: EncodedItem[] = []
  for (const [index, item] of own.entries()) {
    signal?.throwIfAborted()
    encoded.push(await encodeItem(model, item, `${name}: line ${lines[from + index]}`))
  }
  const onDone = (done: number) => onProgress?.({ items: done, of: own.length })
  const loglikelihoods = own.length > 0 ? await scoreItems(model, encoded, { onDone, signal }) : []
  const answers = own.map(({ answer, choices }, index): TaskAnswer => {
    const sums = loglikelihoods[index]
    const perCharacter = sums.map((sum, choice) => sum / characters(choices[choice]))
    const chosen = { chosen: indexOfLargest(sums), chosenNorm: indexOfLargest(perCharacter) }
    return { line: lines[from + index], answer, ...chosen }
  })
  return { file: name, items: items.length, from, answers, loglikelihoods }
}

function characters(text: string): number {
  return [...text].length
}

/**
 * Encodes an item. Context and choice are tokenised together and cut at the length of the context's own tokens, so that
 * the tokens are those of running text. Blanks at the end of the context belong to the choice, since a word's token
 * includes the blank before it. An empty context becomes the token that begins texts. Rejects with a UserError that
 * begins with `source` if there are no tokens.
 */
async function encodeItem(
  model: Model,
  { context, choices, delimiter }: TaskItem,
  source: string,
): Promise<EncodedItem> {
  const { config } = model
  const trimmed = context.trimEnd()
  const blanks = context.slice(trimmed.length)
  const encode = (text: string) => encodePlain(model, text)
  const tokens = await encode(trimmed)
  const start = tokens.length === 0 ? (config.bosToken ?? config.eosToken) : undefined
  if (start === null) throw new UserError(`${source}: the context is empty, and the model has no token to begin a text`)
  const continuations: number[][] = []
  for (const [index, choice] of choices.entries()) {
    const continuation = (await encode(trimmed + blanks + delimiter + choice)).slice(tokens.length)
    if (continuation.length === 0) throw new UserError(`${source}: choice ${index} adds no tokens to the context`)
    continuations.push(continuation)
  }
  return { context: start === undefined ? tokens : [start], continuations }
}
