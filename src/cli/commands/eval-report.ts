import type { Agreement, TaskScore, TextScore } from '../../index.js'
import { alignColumns } from '../io/table.js'

/** Scores of a model. */
export interface Measured {
  model: string
  texts: TextScore[]
  tasks: TaskScore[]
  /** The model that it was compared with. */
  other?: string
}

/** The object that `--json` prints. */
export function measuredJson({ model, texts, tasks, other }: Measured, { details }: { details?: boolean }): object {
  return {
    model,
    texts: texts.map(({ against: _, ...score }) => score),
    tasks: tasks.map(({ loglikelihoods, answers, ...score }) => ({
      ...score,
      ...(details && { details: answers.map((answer, i) => ({ ...answer, loglikelihoods: loglikelihoods[i] })) }),
    })),
    ...(other !== undefined && {
      against: {
        model: other,
        texts: texts.map(({ file, scored, against }) => ({ file, scored, ...against })),
        ...meanAgreement(texts),
      },
    }),
  }
}

/** Over all scored tokens of all texts. */
function meanAgreement(texts: readonly TextScore[]): Agreement {
  const scored = texts.reduce((sum, text) => sum + text.scored, 0)
  const mean = (field: keyof Agreement) =>
    texts.reduce((sum, text) => sum + (text.against?.[field] ?? 0) * text.scored, 0) / scored
  return { kl_divergence: mean('kl_divergence'), top1_agreement: mean('top1_agreement') }
}

/** A table of the texts, one of the tasks, and one of their items with `details`. */
export function measuredTables({ texts, tasks, other }: Measured, { details }: { details?: boolean }): string {
  const tables: string[] = []
  if (texts.length > 0) {
    const head = ['text', 'tokens', 'scored', 'perplexity', 'bits/byte']
    const rows = texts.map(({ file, tokens, scored, perplexity, bits_per_byte, against }) => [
      file,
      String(tokens),
      String(scored),
      perplexity.toPrecision(5),
      bits_per_byte.toFixed(4),
      ...(against ? [against.kl_divergence.toPrecision(3), percent(against.top1_agreement)] : []),
    ])
    const columns = other === undefined ? head : [...head, `KL from ${other}`, 'same top token']
    tables.push(alignColumns([columns, ...rows], [1, 2, 3, 4, 5, 6]))
  }
  if (tasks.length > 0) {
    const rows = tasks.map(({ file, items, acc, acc_norm, acc_stderr, acc_norm_stderr }) => [
      file,
      String(items),
      withError(acc, acc_stderr),
      withError(acc_norm, acc_norm_stderr),
    ])
    tables.push(alignColumns([['task', 'items', 'acc', 'acc_norm'], ...rows], [1, 2, 3]))
  }
  if (details) tables.push(detailsTable(tasks))
  return tables.join('\n')
}

/** A line per item: whether it is right, by the sum and by the sum per character. */
function detailsTable(tasks: readonly TaskScore[]): string {
  const rows = tasks.flatMap(({ file, answers, loglikelihoods }) =>
    answers.map(({ line, answer, chosen, chosen_norm }, i) => [
      `${file}:${line}`,
      String(answer),
      `${chosen}${chosen === answer ? '' : ' wrong'}`,
      `${chosen_norm}${chosen_norm === answer ? '' : ' wrong'}`,
      loglikelihoods[i].map((sum) => sum.toFixed(3)).join(' '),
    ]),
  )
  return alignColumns([['item', 'answer', 'acc', 'acc_norm', 'log-likelihoods'], ...rows])
}

function withError(share: number, error: number): string {
  return `${percent(share)} ± ${(100 * error).toFixed(2)}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}
