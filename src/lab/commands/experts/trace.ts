import { basename } from 'node:path'
import { Argument, type Command, Option } from 'commander'
import { note, type OutputOptions } from '../../../cli/io/output.js'
import {
  addModelOption,
  addOutputOptions,
  addQuantOption,
  FIRST,
  modelName,
  numberThat,
  parseMemory,
  parseSize,
} from '../../../cli/parsing/options.js'
import { packFirst } from '../../../cli/setup/pack-first.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { useModel } from '../../../insight/texts/reading.js'
import type { ModelConfig } from '../../../model/config/config.js'
import { layoutOf, publishedFormats } from '../../../model/families/index.js'
import { PUBLISHED_SHAPES, type PublishedShape, publishedShape } from '../../../model/families/published-shapes.js'
import type { PartFormats, Quant } from '../../../model/packing/format/formats.js'
import type { PackedFile } from '../../../model/packing/format/packed-file.js'
import { readChunks, readTrace, shapeOf } from '../../traces/read-trace.js'
import { leastBudget, replay } from '../../traces/replay.js'
import { checkFit } from '../../traces/trace-texts.js'
import { putReplay, type ReplayReport } from '../reports/trace-report.js'
import * as states from './states.js'

const ACTIONS = ['replay'] as const

interface TraceOptions extends OutputOptions, states.StatesOptions {
  shape?: PublishedShape
  memory?: number[]
  disk?: number
  speed?: number
  json?: boolean
  csv?: boolean
}

export function define(command: Command): void {
  addModelOption(command)
    .optionsGroup(FIRST)
    .description(
      'Replays a trace, the record of the experts that tokens used, within limits of memory: how many of these ' +
        'experts would have been in memory, and the tokens per second that follow. With --hidden, writes states of ' +
        `texts instead. docs/EXPERTS.md describes traces and states.\n${EXAMPLES}`,
    )
    .addArgument(new Argument('[action]', 'what to do').choices(ACTIONS).argParser(actionNamed))
    .argument('[file]', 'a trace of molm (- for stdin)')
    .option('--memory <list>', 'limits for weights, like 2G,4G,8G (default: four that fit the model)', parseMemories)
    .addOption(
      new Option('--shape <name>', 'a published size in place of a model').choices(PUBLISHED_SHAPES).conflicts('model'),
    )
    .option('--json', 'print one object')
    .addOption(new Option('--csv', 'print a table').conflicts('json'))
    .optionsGroup('Speeds:')
    .option('--disk <speed>', 'speed of reading experts, like 1.2GB/s (default: measured)', parseSpeed)
    .option('--speed <n>', 'tokens/s with all experts in memory (default: measured)', parseTokens)
    .action(trace)
  states.define(command)
  addQuantOption(command.optionsGroup('Model:'), 'weights of a checkpoint or shape')
  addOutputOptions(command)
}

const EXAMPLES = `
Examples:
  molm run --trace t.csv "What is a lantern?" && molm trace replay t.csv
  molm trace replay t.csv -m ./my-model --memory 2G,4G,8G
  molm trace replay t.csv --shape qwen3-30b-a3b --disk 2GB/s --speed 10
  molm trace --hidden 2,5 --file prose.txt --file code.js -o states.safetensors
  molm trace --hidden all --routes --file prose.txt -o states.safetensors`

function trace(action: string | undefined, file: string | undefined, options: TraceOptions): Promise<void> {
  if (options.hidden) {
    if (action !== undefined) throw new UsageError('give an action or --hidden, not both; --file FILE names a text')
    return states.write(options.hidden, options)
  }
  if (file === undefined) throw new UsageError('molm trace replay FILE replays a trace; --hidden LAYERS writes states')
  if (options.file || options.output !== undefined || options.routes)
    throw new UsageError('--routes, --file and --output need --hidden LAYERS')
  return replayFile(file, options)
}

/** A model whose experts a trace uses, and what is needed to replay it. */
interface TracedModel {
  name: string
  quant: Quant
  config: ModelConfig
  formats: PartFormats
  file?: PackedFile
}

async function replayFile(path: string, options: TraceOptions): Promise<void> {
  const isStdin = path === '-'
  const name = isStdin ? 'stdin' : basename(path)
  const model = await modelOf(options)
  const shape = shapeOf(model.config)
  const trace = await (isStdin ? readChunks(name, process.stdin, shape) : readTrace(path, shape))
  const texts = trace.texts.map(({ text }) => text)
  for (const text of texts) checkFit(name, text, model)
  const layout = layoutOf(model.config, model.formats)
  const least = leastBudget(layout)
  const memories =
    options.memory ?? [0, 0.25, 0.5, 0.75].map((share) => Math.ceil(least + share * (layout.bytes - least)))
  const report: ReplayReport = {
    trace: name,
    model: model.name,
    quant: model.quant,
    tokens: texts.reduce((sum, { length }) => sum + length, 0),
    promptTokens: texts.reduce((sum, { prompt }) => sum + prompt, 0),
    bytes: layout.bytes,
    leastBytes: least,
    memories: replay(texts, layout, memories),
    disk: await diskOf(options, model),
    speed: await speedOf(options, model, layout.bytes),
  }
  await putReplay(report, options)
}

async function modelOf({ model, shape, quant }: TraceOptions): Promise<TracedModel> {
  if (shape) {
    const config = publishedShape(shape)
    const packing = quant ?? 'q4'
    return { name: shape, quant: packing, config, formats: publishedFormats(config, packing) }
  }
  const { resolveModel } = await import('../../../library/finding/resolve-model.js')
  const found = await resolveModel(modelName(model), quant)
  if (found.config.mixtures.length === 0) throw new UserError(`${found.name} has no experts`)
  return found
}

async function diskOf({ disk }: TraceOptions, { file }: TracedModel): Promise<ReplayReport['disk']> {
  if (disk !== undefined) return { bytesPerSecond: disk, isMeasured: false }
  if (!file) return undefined
  const { measureReading } = await import('../../../library/machine/disk.js')
  return { bytesPerSecond: measureReading(file), isMeasured: true }
}

const MEASURED = { prompts: [], generate: 32, depths: [0], repetitions: 3 }
/** Memory for a model beside its weights, as a fraction of these. */
const BESIDES_WEIGHTS = 1.25

/** Speed with all experts in memory: given, or measured if the model fits. */
async function speedOf(
  options: TraceOptions,
  { name, config }: TracedModel,
  bytes: number,
): Promise<ReplayReport['speed']> {
  if (options.speed !== undefined) return { tokensPerSecond: options.speed, isMeasured: false }
  if (options.shape || config.architecture === 'classifier') return undefined
  const { availableMemory } = await import('../../../library/machine/memory.js')
  if (bytes * BESIDES_WEIGHTS > availableMemory()) return undefined
  const { loadModel } = await import('../../../library/load-model.js')
  const { benchmark } = await import('../../benchmark/benchmark.js')
  await packFirst(options.model, options)
  if (!options.quiet) note(`measuring ${name} with all experts in memory; --speed N gives its tokens/s`)
  return useModel(await loadModel(modelName(options.model), { quant: options.quant }), async (model) => {
    const row = await benchmark(model, MEASURED).next()
    return row.done ? undefined : { tokensPerSecond: row.value.tokensPerSecond.median, isMeasured: true }
  })
}

function actionNamed(word: string): string {
  if ((ACTIONS as readonly string[]).includes(word)) return word
  throw new UsageError(`there is no action '${word}'; molm trace replay FILE replays a trace`)
}

function parseMemories(text: string): number[] {
  return text.split(',').map((part) => parseMemory(part.trim()))
}

function parseSpeed(text: string): number {
  const [, size] = /^(.+?)\s*\/\s*s$/i.exec(text) ?? []
  if (size === undefined) throw new UsageError(`--disk must be a speed like 1.2GB/s, not '${text}'`)
  return parseSize('--disk', size)
}

const parseTokens = numberThat(
  '--speed',
  'a number of tokens per second above 0',
  (value) => value > 0 && Number.isFinite(value),
)
