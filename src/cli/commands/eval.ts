import { basename } from 'node:path'
import type { Command } from 'commander'
import { UsageError } from '../../errors.js'
import type { Agreement, Model, NamedText, Task, TaskScore, TextScore } from '../../index.js'
import { formatCount } from '../../numbers.js'
import { readTextOrStdin } from '../io/input-text.js'
import { interruptSignal } from '../io/interrupt.js'
import { writeOut } from '../io/output.js'
import { createProgress } from '../io/progress.js'
import { alignColumns } from '../io/table.js'
import { addModelOptions, addOutputOptions, type ModelOptions, modelName, wholeNumber } from '../parsing/options.js'
import { referenceOptions } from './reference-model.js'
import { withModel } from './with-model.js'

interface EvalOptions extends ModelOptions {
  text?: string[]
  task?: string[]
  window?: number
  stride?: number
  against?: string
  details?: boolean
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Measures a model: perplexity of texts, accuracy on multiple-choice tasks, agreement with another model.',
    )
    .optionsGroup('Measures:')
    .option('--text <file...>', 'perplexity of each text')
    .option('--task <file...>', 'accuracy on each file of questions (JSONL)')
    .option('--window <w>', 'tokens seen at once (default: as in training)', wholeNumber('--window', 2))
    .option('--stride <s>', 'tokens between windows (default: the window)', wholeNumber('--stride', 1))
    .option('--against <model>', 'also compare predictions on the texts with this model’s; a checkpoint counts in f32')
    .option('--details', 'also what was chosen for each item of a task')
    .option('--json', 'print one object')
    .addHelpText('after', EXAMPLES)
    .action(evaluate)
  addModelOptions(command)
  addOutputOptions(command)
}

const EXAMPLES = `
A line of a task: {"context": "...", "choices": ["...", "..."], "answer": 0}

Examples:
  molm eval --text book.txt letters.txt --window 512 --stride 256
  molm eval -m ./molm-350m --task piqa.jsonl --json
  molm eval --quant q4 --text book.txt --against nano:f32`

async function evaluate(options: EvalOptions): Promise<void> {
  const { text = [], task = [], against } = options
  if (text.length + task.length === 0) throw new UsageError('nothing to measure: give --text or --task')
  if (options.details && task.length === 0) throw new UsageError('--details are those of a task: give --task')
  if (against !== undefined && text.length === 0) throw new UsageError('--against compares on texts: give --text')
  const { parseTask } = await import('../../index.js')
  const texts = await Promise.all(text.map(readTextOrStdin))
  const tasks = (await Promise.all(task.map(readTextOrStdin))).map(parseTask)
  const work = { texts, tasks }
  if (against === undefined) {
    await withModel(options, async ({ model }) => report(model.name, await measure(model, work, options), options))
    return
  }
  const [first, second] = await sharingMemory(options, await referenceOptions(against, options))
  await withModel(first, async ({ model }) => {
    const measured = await withModel(second, (other) => measure(model, { ...work, other: other.model }, options))
    await report(model.name, measured, options)
  })
}

async function report(model: string, measured: Measured, { json, details }: EvalOptions): Promise<void> {
  if (json) return writeOut(`${JSON.stringify(asJson(model, measured, details))}\n`)
  await writeOut(asTables(measured) + (details ? detailsTable(measured.tasks) : ''))
}

/** The options of two models that are held at the same time: together they stay within the first one's `--memory`. */
async function sharingMemory(...models: [ModelOptions, ModelOptions]): Promise<[ModelOptions, ModelOptions]> {
  const { describeModel } = await import('../../index.js')
  const { shareMemory } = await import('../../library/share-memory.js')
  const infos = await Promise.all(models.map(({ model, quant }) => describeModel(modelName(model), { quant })))
  const [first, second] = shareMemory(infos, models[0].memory)
  return [
    { ...models[0], memory: first },
    { ...models[1], memory: second },
  ]
}

interface Measured {
  texts: TextScore[]
  tasks: TaskScore[]
  other?: string
}

async function measure(
  model: Model,
  { texts, tasks, other }: { texts: NamedText[]; tasks: Task[]; other?: Model },
  options: EvalOptions,
): Promise<Measured> {
  const { evaluateText, evaluateTask } = await import('../../index.js')
  const { window, stride } = options
  const signal = interruptSignal()
  const measured: Measured = { texts: [], tasks: [], ...(other && { other: other.name }) }
  for (const text of texts) {
    const progress = createProgress(basename(text.name), options, (all) => `${formatCount(all)} tokens`)
    const onProgress = (done: { tokens: number; of: number }) => progress.show(done.tokens, done.of)
    try {
      measured.texts.push(await evaluateText(model, text, { window, stride, against: other, onProgress, signal }))
    } finally {
      progress.clear()
    }
  }
  for (const task of tasks) {
    const progress = createProgress(basename(task.name), options, (all) => `${all} items`)
    const onProgress = (done: { items: number; of: number }) => progress.show(done.items, done.of)
    try {
      measured.tasks.push(await evaluateTask(model, task, { onProgress, signal }))
    } finally {
      progress.clear()
    }
  }
  return measured
}

function asJson(model: string, { texts, tasks, other }: Measured, details?: boolean) {
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

function asTables({ texts, tasks, other }: Measured): string {
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
  return `\n${alignColumns([['item', 'answer', 'acc', 'acc_norm', 'log-likelihoods'], ...rows])}`
}

function withError(share: number, error: number): string {
  return `${percent(share)} ± ${(100 * error).toFixed(2)}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}
