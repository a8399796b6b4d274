import type { Command } from 'commander'
import { UsageError } from '../../errors.js'
import { expandHome } from '../../files/home.js'
import { readTextOrStdin } from '../io/input-text.js'
import { writeJson, writeOut } from '../io/output.js'
import { addMaskOption } from '../parsing/mask-option.js'
import {
  addCacheType,
  addModelOptions,
  addOutputOptions,
  type ModelOptions,
  modelName,
  share,
  wholeNumber,
} from '../parsing/options.js'
import { shardOption } from '../parsing/shard-option.js'
import { type EvalOptions, type MeasuredParts, type Measures, measuredOf, measureParts } from './eval-parts.js'
import { measuredJson, measuredTables } from './eval-report.js'
import { joinedParts, printShard } from './eval-shards.js'
import { referenceOptions } from './reference-model.js'
import { withModel } from './with-model.js'

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
    .option('--json', 'print one object')
    .optionsGroup('Several machines:')
    .addOption(shardOption('print the scores of one of n shares of all windows and questions, as JSON'))
    .option('--join <file...>', 'print the result of all shards, from the files of their JSON')
    .addHelpText('after', EXAMPLES)
    .action(evaluate)
  addMaskOption(addCacheType(addModelOptions(command)))
  addOutputOptions(command)
}

const EXAMPLES = `
A line of a task: {"context": "...", "choices": ["...", "..."], "answer": 0}

Several machines: give each the same command with another --shard, from 1/n to
n/n, and join their files. The result is that of one run, to the last bit. A
join checks that no shard is missing or of another model, file or option. Each
window is the turn of the next shard; questions are divided in runs of
neighbours, which often share their contexts.

Examples:
  molm eval --text book.txt letters.txt --window 512 --stride 256
  molm eval -m ./molm-350m --task piqa.jsonl --json
  molm eval --quant q4 --text book.txt --against nano:f32
  molm eval --text book.txt --fewer-experts --budget 60% -o numbers.json
  molm eval --text book.txt --shard 3/16 > shard.3.json
  molm eval --join shard.*.json --json`

async function evaluate(options: EvalOptions): Promise<void> {
  checkOptions(options)
  if (options.fewerExperts) {
    const { fewerExperts } = await import('./fewer-experts.js')
    return fewerExperts(options)
  }
  if (options.join) return print(await joinedParts(options.join), options)
  const measures = await readMeasures(options)
  const parts = await measureModels(measures, options)
  if (options.shard) return printShard(options.shard, parts, measures, options)
  return print(parts, options)
}

async function print(parts: MeasuredParts, options: EvalOptions): Promise<void> {
  const measured = await measuredOf(parts)
  if (options.json) await writeJson(measuredJson(measured, options))
  else await writeOut(measuredTables(measured, options))
}

function checkOptions(options: EvalOptions): void {
  const { text = [], task = [], against, details, fewerExperts, budget, output, window, stride, shard, join } = options
  if (join) return checkJoin(options)
  if (text.length + task.length === 0) throw new UsageError('nothing to measure: give --text or --task')
  if (details && task.length === 0) throw new UsageError('--details are about a task: give --task')
  if (against !== undefined && text.length === 0) throw new UsageError('--against compares on texts: give --text')
  if (shard && details) throw new UsageError('--details belongs to --join: the JSON of a shard has them anyway')
  if (shard && fewerExperts) throw new UsageError('--fewer-experts measures on one machine: it takes no --shard')
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

function checkJoin({ text, task, against, fewerExperts, shard, window, stride }: EvalOptions): void {
  if ((text ?? task ?? against ?? fewerExperts ?? shard ?? window ?? stride) === undefined) return
  throw new UsageError('--join reads what its shards have measured; it takes only --json and --details')
}

async function readMeasures({ text = [], task = [] }: EvalOptions): Promise<Measures> {
  const { parseTask } = await import('../../index.js')
  const texts = await Promise.all(text.map(readTextOrStdin))
  const files = await Promise.all(task.map(readTextOrStdin))
  return { texts, tasks: files.map(parseTask), files: [...texts, ...files] }
}

async function measureModels(measures: Measures, options: EvalOptions): Promise<MeasuredParts> {
  const { against } = options
  if (against === undefined) return withModel(options, ({ model }) => measureParts(model, measures, options))
  const [own, others] = await sharingMemory(options, await referenceOptions(against, options))
  return withModel(own, ({ model }) =>
    withModel(others, ({ model: other }) => measureParts(model, measures, options, other)),
  )
}

/** The options of two models loaded at the same time, which share the `--memory` of the first. */
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
