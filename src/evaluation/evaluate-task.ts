import { UserError } from '../errors.js'
import type { Model, Session } from '../generation/types.js'
import { logprobOf } from '../sampling/logprobs.js'
import { checkLanguageModel } from './language-model.js'
import { indexOfLargest } from './log-probability.js'
import type { Task, TaskItem } from './task-file.js'

export interface EvaluateTaskOptions {
  onProgress?: (done: { items: number; of: number }) => void
  signal?: AbortSignal
}

/** What a model chose for one item. */
export interface TaskAnswer {
  /** Line of the task's file. */
  line: number
  /** Index of the right choice. */
  answer: number
  /** Index of the choice with the highest log-likelihood, and of that with the highest per character. */
  chosen: number
  chosen_norm: number
}

/** How many questions of a task a model answers right. */
export interface TaskScore {
  file: string
  items: number
  /** Share of items whose right choice has the highest log-likelihood. */
  acc: number
  /** The same with each log-likelihood divided by the choice's length in characters. */
  acc_norm: number
  /** Standard errors of the two, as of samples of more items like these; 0 where there is one item only. */
  acc_stderr: number
  acc_norm_stderr: number
  answers: TaskAnswer[]
  /** Per item and choice: sum over the continuation's tokens of the logarithm of their probability. */
  loglikelihoods: number[][]
}

/**
 * Answers multiple-choice questions as lm-evaluation-harness does: the choice whose tokens the model finds likeliest
 * after the context. Of equally likely choices the first counts as the answer.
 */
export async function evaluateTask(model: Model, task: Task, options: EvaluateTaskOptions = {}): Promise<TaskScore> {
  checkLanguageModel(model)
  const { onProgress, signal } = options
  const scorer = new ChoiceScorer(model, signal)
  const loglikelihoods: number[][] = []
  const answers: TaskAnswer[] = []
  try {
    for (const [index, item] of task.items.entries()) {
      const sums = await scorer.score(item, `${task.name}: line ${task.lines[index]}`)
      loglikelihoods.push(sums)
      const perCharacter = sums.map((sum, choice) => sum / characters(item.choices[choice]))
      const chosen = { chosen: indexOfLargest(sums), chosen_norm: indexOfLargest(perCharacter) }
      answers.push({ line: task.lines[index], answer: item.answer, ...chosen })
      onProgress?.({ items: index + 1, of: task.items.length })
    }
  } finally {
    scorer.dispose()
  }
  const items = task.items.length
  const acc = answers.filter(({ answer, chosen }) => chosen === answer).length / items
  const acc_norm = answers.filter(({ answer, chosen_norm }) => chosen_norm === answer).length / items
  const errors = { acc_stderr: standardError(acc, items), acc_norm_stderr: standardError(acc_norm, items) }
  return { file: task.name, items, acc, acc_norm, ...errors, answers, loglikelihoods }
}

/** Of a share of right answers. */
function standardError(share: number, items: number): number {
  return items > 1 ? Math.sqrt((share * (1 - share)) / (items - 1)) : 0
}

/** Scores choices on one session, whose cache keeps what an item shares with the one before and choices with each other. */
class ChoiceScorer {
  private readonly session: Session
  private cached: readonly number[] = []

  constructor(
    private readonly model: Model,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.session = model.createSession()
  }

  /** Log-likelihood of each choice. `where` begins the error for an item without tokens. */
  async score(item: TaskItem, where: string): Promise<number[]> {
    const { context, continuations } = await encodeItem(this.model, item, where)
    // The stem is all that every choice begins with, but one token less than the shortest, which has to be predicted.
    const shortest = Math.min(...continuations.map(({ length }) => length))
    const common = continuations.reduce(
      (length, tokens) => commonPrefix(continuations[0], tokens, length),
      shortest - 1,
    )
    const stem = [...context, ...continuations[0].slice(0, common)]
    const rows = await this.run(stem, context.length - 1)
    const shared = logLikelihood(rows.slice(0, common), stem.slice(context.length))
    const branch = rows[common]
    const sums: number[] = []
    for (const tokens of continuations) {
      const rest = tokens.slice(common)
      const more = await this.run([...stem, ...rest.slice(0, -1)], stem.length)
      sums.push(logLikelihood([branch, ...more], rest, shared))
    }
    return sums
  }

  dispose(): void {
    this.session.dispose()
  }

  /** Makes `tokens` what the session holds, and gives the logits of those from index `from` on, a row each. */
  private async run(tokens: readonly number[], from: number): Promise<Float32Array[]> {
    const { session, signal } = this
    const { vocabSize } = this.model.config
    const kept = commonPrefix(this.cached, tokens, Math.min(from, this.cached.length, tokens.length))
    session.truncate(kept)
    if (kept < from) await session.forward(tokens.slice(kept, from), { logits: 'none', signal })
    const rest = tokens.slice(from)
    this.cached = tokens
    if (rest.length === 0) return []
    const { logits } = await session.forward(rest, { logits: 'all', signal })
    return rest.map((_, i) => logits.subarray(i * vocabSize, (i + 1) * vocabSize))
  }
}

/** Tokens of a context, and of each choice after it. */
interface EncodedItem {
  context: number[]
  continuations: number[][]
}

/**
 * Context and continuation are tokenised together and cut at the length of the context's own tokens, so that tokens
 * come out as they would in running text. Blanks at the end of the context belong to the continuation, since a word's
 * token includes the blank before it. An empty context is the token that texts begin with.
 */
async function encodeItem(
  model: Model,
  { context, choices, delimiter }: TaskItem,
  where: string,
): Promise<EncodedItem> {
  const { tokenizer, config } = model
  const trimmed = context.trimEnd()
  const blanks = context.slice(trimmed.length)
  const encode = (text: string) => tokenizer.encodeAsync(text, { addSpecialTokens: false })
  const tokens = await encode(trimmed)
  const start = tokens.length === 0 ? (config.bosToken ?? config.eosToken) : undefined
  if (start === null) throw new UserError(`${where}: the context is empty, and the model has no token to begin a text`)
  const continuations: number[][] = []
  for (const [index, choice] of choices.entries()) {
    const continuation = (await encode(trimmed + blanks + delimiter + choice)).slice(tokens.length)
    if (continuation.length === 0) throw new UserError(`${where}: choice ${index} adds no tokens to the context`)
    continuations.push(continuation)
  }
  return { context: start === undefined ? tokens : [start], continuations }
}

/** Sum of the logarithms of the probabilities, from left to right after those before: row i predicts token i. */
function logLikelihood(rows: readonly Float32Array[], tokens: readonly number[], before = 0): number {
  return tokens.reduce((sum, token, i) => sum + logprobOf(rows[i], token), before)
}

function commonPrefix(a: readonly number[], b: readonly number[], most: number): number {
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}

/** Characters, not the 16-bit halves that a string counts. */
function characters(text: string): number {
  return [...text].length
}
