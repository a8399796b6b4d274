import { basename } from 'node:path'
import type { Command } from 'commander'
import { readTextOrStdin } from '../../cli/io/input-text.js'
import { interruptSignal } from '../../cli/io/interrupt.js'
import { writeJson, writeOut } from '../../cli/io/output.js'
import { withProgress } from '../../cli/io/status-line.js'
import { addIntervene, addMaskOption } from '../../cli/parsing/mask-option.js'
import {
  addCacheType,
  addModelOptions,
  addOutputOptions,
  FIRST,
  type ModelOptions,
  modelName,
  share,
  wholeNumber,
} from '../../cli/parsing/options.js'
import { withModel } from '../../cli/setup/with-model.js'
import { UsageError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import { formatCount } from '../../ground/numbers.js'
import type { Model, NamedText } from '../../index.js'
import type { Task } from '../index.js'
import { referenceOptions } from './reference-model.js'
import { type Measured, measuredJson, measuredTables } from './reports/eval-report.js'

interface EvalOptions extends ModelOptions {
  text?: string[]
  task?: string[]
  routes?: string[]
  window?: number
  stride?: number
  against?: string
  details?: boolean
  fewerExperts?: boolean
  budget?: number
  output?: string[]
  json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      `Measures a model: perplexity of texts, accuracy on multiple-choice tasks, agreement with another model.\n${EXAMPLES}`,
    )
    .addHelpText('after', NOTES)
    .action(evaluate)
  addModelOptions(command)
    .optionsGroup(FIRST)
    .option('--text <file...>', 'perplexity of each text')
    .option('--task <file...>', 'accuracy on each file of questions (JSONL)')
    .option(
      '--routes <file...>',
      'agreement with traces of routing, also of other engines: the same tokens are read again',
    )
    .option('--json', 'print one object')
    .optionsGroup('Measures:')
    .option('--window <w>', 'tokens seen at once (default: as in training)', wholeNumber('--window', 2))
    .option('--stride <s>', 'tokens between windows (default: the window)', wholeNumber('--stride', 1))
    .option(
      '--against <model>',
      'also compare predictions on the texts with this model; a checkpoint is loaded in f32, a GGUF file in its own formats',
    )
    .option('--fewer-experts', 'perplexity, bytes and speed of the texts with fewer experts per token')
    .option(
      '--budget <share>',
      'with --fewer-experts, also find a number for each layer that reads this share of the experts’ bytes',
      share('--budget'),
    )
    .option(
      '-o, --output <file>',
      'with --fewer-experts, write the curve (.csv, .svg) or the numbers found (.json); repeatable',
      (file: string, earlier: string[] = []) => [...earlier, expandHome(file)],
    )
    .option('--details', 'also print the choice for each item of a task')
  addIntervene(addMaskOption(addCacheType(command.optionsGroup('Model:'))))
  addOutputOptions(command)
}

const NOTES = `
A line of a task: {"context": "...", "choices": ["...", "..."], "answer": 0}`

const EXAMPLES = `
Examples:
  molm eval --text book.txt letters.txt --window 512 --stride 256
  molm eval -m ./molm-350m --task piqa.jsonl --json
  molm eval --quant q4 --text book.txt --against nano:f32
  molm eval --text book.txt --fewer-experts --budget 60% -o numbers.json
  molm eval -m ./my-model --routes answer.json`

/** Texts and tasks to measure a model on. */
interface Measures {
  texts: NamedText[]
  tasks: Task[]
}

async function evaluate(options: EvalOptions): Promise<void> {
  checkOptions(options)
  if (options.routes) {
    const { compareRoutes } = await import('./reports/agreement-report.js')
    return compareRoutes(options)
  }
  if (options.fewerExperts) {
    const { fewerExperts } = await import('./reports/fewer-experts.js')
    return fewerExperts(options)
  }
  const measures = await readMeasures(options)
  const measured = await measureModels(measures, options)
  if (options.json) await writeJson(measuredJson(measured, options))
  else await writeOut(measuredTables(measured, options))
}

function checkOptions(options: EvalOptions): void {
  const { text = [], task = [], routes, against, details, fewerExperts, budget, output, window, stride } = options
  const others = text.length + task.length
  if (routes && (others > 0 || window !== undefined || stride !== undefined)) {
    throw new UsageError('--routes has its own texts: give no --text, --task, --window or --stride')
  }
  if (!routes && others === 0) throw new UsageError('nothing to measure: give --text, --task or --routes')
  if (details && task.length === 0) throw new UsageError('--details are about a task: give --task')
  if (against !== undefined && text.length === 0) throw new UsageError('--against compares on texts: give --text')
  if (!fewerExperts && (budget !== undefined || output)) {
    throw new UsageError(`${output ? '-o' : '--budget'} belongs to --fewer-experts: give that, too`)
  }
  if (fewerExperts && (text.length === 0 || task.length > 0 || against !== undefined)) {
    throw new UsageError('--fewer-experts measures on texts alone: give --text, and neither --task nor --against')
  }
  if (fewerExperts && (window !== undefined || stride !== undefined)) {
    throw new UsageError('--fewer-experts divides the texts itself: give neither --window nor --stride')
  }
}

async function readMeasures({ text = [], task = [] }: EvalOptions): Promise<Measures> {
  const { parseTask } = await import('../index.js')
  const texts = await Promise.all(text.map(readTextOrStdin))
  const tasks = await Promise.all(task.map(readTextOrStdin))
  return { texts, tasks: tasks.map(parseTask) }
}

async function measureModels(measures: Measures, options: EvalOptions): Promise<Measured> {
  const { against } = options
  if (against === undefined) return withModel(options, ({ model }) => measure(model, measures, options))
  const [own, others] = await sharingMemory(options, await referenceOptions(against, options))
  return withModel(own, ({ model }) =>
    withModel(others, ({ model: other }) => measure(model, measures, options, other)),
  )
}

/** The options of two models loaded at the same time, which share the `--memory` of the first. */
async function sharingMemory(...models: [ModelOptions, ModelOptions]): Promise<[ModelOptions, ModelOptions]> {
  const { describeModel } = await import('../../index.js')
  const { shareMemory } = await import('../../library/machine/memory.js')
  const infos = await Promise.all(models.map(({ model, quant }) => describeModel(modelName(model), { quant })))
  const [first, second] = shareMemory(infos, models[0].memory)
  return [
    { ...models[0], memory: first },
    { ...models[1], memory: second },
  ]
}

async function measure(
  model: Model,
  { texts, tasks }: Measures,
  options: EvalOptions,
  other?: Model,
): Promise<Measured> {
  const { evaluateText, evaluateTask } = await import('../index.js')
  const { window, stride } = options
  const signal = interruptSignal()
  const measured: Measured = { model: model.name, texts: [], tasks: [], ...(other && { other: other.name }) }
  for (const text of texts) {
    const line = { ...options, label: basename(text.name), format: (all: number) => `${formatCount(all)} tokens` }
    const score = await withProgress(line, (show) => {
      const onProgress = ({ tokens, of }: { tokens: number; of: number }) => show(tokens, of)
      return evaluateText(model, text, { window, stride, against: other, onProgress, signal })
    })
    measured.texts.push(score)
  }
  for (const task of tasks) {
    const line = { ...options, label: basename(task.name), format: (all: number) => `${all} items` }
    const score = await withProgress(line, (show) =>
      evaluateTask(model, task, { onProgress: ({ items, of }) => show(items, of), signal }),
    )
    measured.tasks.push(score)
  }
  return measured
}
