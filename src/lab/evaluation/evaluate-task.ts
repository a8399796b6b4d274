import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { checkLanguageModel } from '../../insight/texts/check-language-model.js'
import { encodePlain } from '../../insight/texts/reading.js'
import { indexOfLargest } from './probabilities.js'
import { type EncodedItem, scoreItems } from './score-items.js'
import type { Task, TaskItem } from './task-file.js'

export interface EvaluateTaskOptions {
  onProgress?: (done: { items: number; of: number }) => void
  signal?: AbortSignal
}

export interface TaskAnswer {
  /** Line of the task's file. */
  line: number
  /** Index of the right choice. */
  answer: number
  /** Index of the choice with the highest log-likelihood. */
  chosen: number
  /** Index of the choice with the highest log-likelihood per character. */
  chosenNorm: number
}

export interface TaskScore {
  file: string
  items: number
  /** Share of items whose right choice has the highest log-likelihood. */
  acc: number
  /** The same share, with each log-likelihood divided by the choice's length in characters. */
  accNorm: number
  /** Standard errors of the two shares, with the items as a sample; 0 for a single item. */
  accStderr: number
  accNormStderr: number
  answers: TaskAnswer[]
  /** For each item and choice: sum of the log-probabilities of the choice's tokens, in nats. */
  loglikelihoods: number[][]
}

/**
 * Answers multiple-choice questions as lm-evaluation-harness does, with the choice whose tokens the model finds
 * likeliest after the context. The first of equally likely choices is the answer.
 */
export async function evaluateTask(model: Model, task: Task, options: EvaluateTaskOptions = {}): Promise<TaskScore> {
  checkLanguageModel(model)
  const { onProgress, signal } = options
  const items = task.items.length
  const encoded: EncodedItem[] = []
  for (const [index, item] of task.items.entries()) {
    signal?.throwIfAborted()
    encoded.push(await encodeItem(model, item, `${task.name}: line ${task.lines[index]}`))
  }
  const onDone = (done: number) => onProgress?.({ items: done, of: items })
  const loglikelihoods = await scoreItems(model, encoded, { onDone, signal })
  const answers = task.items.map((item, index): TaskAnswer => {
    const sums = loglikelihoods[index]
    const perCharacter = sums.map((sum, choice) => sum / [...item.choices[choice]].length)
    const [chosen, chosenNorm] = [sums, perCharacter].map(indexOfLargest)
    return { line: task.lines[index], answer: item.answer, chosen, chosenNorm }
  })
  const share = (by: 'chosen' | 'chosenNorm') => answers.filter((one) => one[by] === one.answer).length / items
  const [acc, accNorm] = [share('chosen'), share('chosenNorm')]
  const errors = { accStderr: standardError(acc, items), accNormStderr: standardError(accNorm, items) }
  return { file: task.name, items, acc, accNorm, ...errors, answers, loglikelihoods }
}

function standardError(share: number, items: number): number {
  return items > 1 ? Math.sqrt((share * (1 - share)) / (items - 1)) : 0
}

/**
 * Encodes an item. Context and choice are tokenised together and cut at the length of the context's own tokens, so that
 * they are tokens of running text. Blanks at the end of the context belong to the choice, since a word's token
 * includes the blank before it. An empty context becomes the token that begins texts. Rejects with a UserError that
 * begins with `source` if there are no tokens.
 */
async function encodeItem(
  model: Model,
  { context, choices, delimiter }: TaskItem,
  source: string,
): Promise<EncodedItem> {
  const trimmed = context.trimEnd()
  const encode = (text: string) => encodePlain(model, text)
  const tokens = await encode(trimmed)
  const start = tokens.length === 0 ? (model.config.bosToken ?? model.config.eosToken) : undefined
  if (start === null) throw new UserError(`${source}: the context is empty, and the model has no token to begin a text`)
  const continuations: number[][] = []
  for (const [index, choice] of choices.entries()) {
    const continuation = (await encode(context + delimiter + choice)).slice(tokens.length)
    if (continuation.length === 0) throw new UserError(`${source}: choice ${index} adds no tokens to the context`)
    continuations.push(continuation)
  }
  return { context: start === undefined ? tokens : [start], continuations }
}
