import { alignColumns } from '../../../ground/output/table.js'
import { snakeCaseKeys } from '../../../ground/spelling.js'
import type { Agreement, TaskScore, TextScore } from '../../index.js'

export interface Measured {
  model: string
  texts: TextScore[]
  tasks: TaskScore[]
  other?: string
}

/** The object that `--json` prints. */
export function measuredJson({ model, texts, tasks, other }: Measured, { details }: { details?: boolean }): object {
  return snakeCaseKeys({
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
  })
}

function meanAgreement(texts: readonly TextScore[]): Agreement {
  const scored = texts.reduce((sum, text) => sum + text.scored, 0)
  const mean = (field: keyof Agreement) =>
    texts.reduce((sum, text) => sum + (text.against?.[field] ?? 0) * text.scored, 0) / scored
  return { klDivergence: mean('klDivergence'), top1Agreement: mean('top1Agreement') }
}

export function measuredTables({ texts, tasks, other }: Measured, { details }: { details?: boolean }): string {
  const tables: string[] = []
  if (texts.length > 0) {
    const head = ['text', 'tokens', 'scored', 'perplexity', 'bits/byte']
    const rows = texts.flatMap(({ file, tokens, scored, against, ...own }) => {
      const row = [file, `${tokens}`, `${scored}`, ...predicted(own)]
      if (!against) return [row]
      const agreement = [against.klDivergence.toPrecision(3), percent(against.top1Agreement)]
      return [
        [...row, ...agreement],
        [`  by ${other}`, '', '', ...predicted(against)],
      ]
    })
    const columns = other === undefined ? head : [...head, `KL from ${other}`, 'same top token']
    tables.push(alignColumns([columns, ...rows], [1, 2, 3, 4, 5, 6]))
  }
  if (tasks.length > 0) {
    const rows = tasks.map(({ file, items, acc, accNorm, accStderr, accNormStderr }) => [
      file,
      String(items),
      withError(acc, accStderr),
      withError(accNorm, accNormStderr),
    ])
    tables.push(alignColumns([['task', 'items', 'acc', 'acc_norm'], ...rows], [1, 2, 3]))
  }
  if (details) tables.push(detailsTable(tasks))
  return tables.join('\n')
}

function predicted({ perplexity, bitsPerByte }: Pick<TextScore, 'perplexity' | 'bitsPerByte'>): string[] {
  return [perplexity.toPrecision(5), bitsPerByte.toFixed(4)]
}

/** A row per item: the choice by the sum of log-likelihoods, and by the sum per character. */
function detailsTable(tasks: readonly TaskScore[]): string {
  const rows = tasks.flatMap(({ file, answers, loglikelihoods }) =>
    answers.map(({ line, answer, chosen, chosenNorm }, i) => [
      `${file}:${line}`,
      String(answer),
      `${chosen}${chosen === answer ? '' : ' wrong'}`,
      `${chosenNorm}${chosenNorm === answer ? '' : ' wrong'}`,
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
