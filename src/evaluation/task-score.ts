export interface TaskAnswer {
  line: number
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

/** Answers to items of a task: to all, or to those in a shard. */
export interface TaskParts {
  file: string
  items: number
  /** Index of the first answered item. */
  from: number
  answers: TaskAnswer[]
  loglikelihoods: number[][]
}

export function taskScore({ file, items, answers, loglikelihoods }: TaskParts): TaskScore {
  const acc = answers.filter(({ answer, chosen }) => chosen === answer).length / items
  const accNorm = answers.filter(({ answer, chosenNorm }) => chosenNorm === answer).length / items
  const errors = { accStderr: standardError(acc, items), accNormStderr: standardError(accNorm, items) }
  return { file, items, acc, accNorm, ...errors, answers, loglikelihoods }
}

function standardError(share: number, items: number): number {
  return items > 1 ? Math.sqrt((share * (1 - share)) / (items - 1)) : 0
}
