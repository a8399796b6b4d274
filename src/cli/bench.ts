import os from 'node:os'
import type { Command } from 'commander'
import { PUBLISHED_SHAPES, type PublishedShape } from '../architectures/published-shapes.js'
import { BENCHMARK_FORMATS, type BenchmarkFormat } from '../benchmark/format-rows.js'
import { UsageError } from '../errors.js'
import type { LoadOptions, Model } from '../generation/types.js'
import { addModelOption, addQuantOption, modelName, parseSize, wholeNumber } from './options.js'
import { note, writeOut } from './output.js'

interface BenchOptions {
  model?: string
  shape?: PublishedShape
  quant?: 'f32' | 'q8' | 'q4'
  prompt: number[]
  generate: number
  depth: number[]
  repetitions: number
  threads: number[]
  memory?: number
  format?: BenchmarkFormat
  json?: boolean
  write?: string
  quiet?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Measures prefill (pp) and decode (tg) speed, beside the streaming read speed of the machine in the same run.',
    )
    .addHelpText('after', EXAMPLES)
    .action(bench)
  addQuantOption(addModelOption(command), 'weights of a checkpoint or shape')
  command
    .option('--shape <name>', `random weights of a published size: ${PUBLISHED_SHAPES.join(', ')}`, parseShape)
    .option('-p, --prompt <list>', 'lengths of prompts; 0 for none', parseList('--prompt', 0), [512])
    .option('-n, --generate <n>', 'tokens to generate; 0 for none', wholeNumber('--generate', 0), 64)
    .option('-d, --depth <list>', 'tokens in the cache before each test', parseList('--depth', 0), [0])
    .option('-r, --repetitions <n>', 'runs of each test', wholeNumber('--repetitions', 1), 5)
    .option('-t, --threads <list>', 'numbers of threads', parseList('--threads', 1), [os.availableParallelism()])
    .option('--memory <size>', 'most bytes of weights in memory', (text) => parseSize('--memory', text))
    .option('--format <name>', BENCHMARK_FORMATS.join(', '), parseFormat)
    .option('--json', 'the same as --format json')
    .option('--write <file>', 'write the model of --shape as a packed file instead of measuring it')
    .option('-q, --quiet', 'nothing on stderr')
}

const EXAMPLES = `
Examples:
  molm bench
  molm bench --shape 350m-4b -p 128,512 -n 64 -d 0,1024 -t 1,2
  molm bench --shape 700m-8b --write /tmp/8b/model-q4.molm.safetensors`

async function bench(options: BenchOptions): Promise<void> {
  if (options.shape && options.model) throw new UsageError('--shape and --model are two models; give one of them')
  if (options.write !== undefined) return write(options)
  const { benchmark } = await import('../benchmark/benchmark.js')
  const { rowWriter } = await import('../benchmark/format-rows.js')
  const writer = rowWriter(options.json ? 'json' : (options.format ?? 'md'))
  const { prompt, generate, depth, repetitions } = options
  const prompts = prompt.filter((length) => length > 0)
  await writeOut(writer.begin())
  for (const threads of options.threads) {
    const model = await load(options, { threads, quant: options.quant, memory: options.memory })
    try {
      for await (const row of benchmark(model, { prompts, generate, depths: depth, repetitions })) {
        await writeOut(writer.row(row))
      }
    } finally {
      await model.dispose()
    }
  }
  await writeOut(writer.end())
}

async function load({ shape, model, quiet }: BenchOptions, options: LoadOptions): Promise<Model> {
  const { loadModel, loadRandomModel } = await import('../index.js')
  const onWarning = quiet ? undefined : (message: string) => note(`warning: ${message}`)
  return shape ? loadRandomModel(shape, options) : loadModel(modelName(model), { ...options, onWarning })
}

async function write({ shape, write: path, quant = 'q4', quiet }: BenchOptions): Promise<void> {
  if (!shape || !path) throw new UsageError('--write needs a --shape and a file to write')
  const { writeRandomModel } = await import('../index.js')
  const bytes = await writeRandomModel(shape, quant, path)
  if (!quiet) note(`${bytes} bytes of random weights, ${shape} as ${quant}`)
  await writeOut(`${path}\n`)
}

function parseShape(text: string): PublishedShape {
  const shape = PUBLISHED_SHAPES.find((name) => name === text)
  if (!shape) throw new UsageError(`--shape must be one of ${PUBLISHED_SHAPES.join(', ')}, not '${text}'`)
  return shape
}

function parseFormat(text: string): BenchmarkFormat {
  const format = BENCHMARK_FORMATS.find((name) => name === text)
  if (!format) throw new UsageError(`--format must be one of ${BENCHMARK_FORMATS.join(', ')}, not '${text}'`)
  return format
}

function parseList(flag: string, least: number): (text: string) => number[] {
  const parse = wholeNumber(flag, least)
  return (text) => text.split(',').map((part) => parse(part))
}
