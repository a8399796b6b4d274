import os from 'node:os'
import { type Command, Option } from 'commander'
import type { LoadOptions, Model } from '../../api/model.js'
import { note, type OutputOptions, warner, writeOut } from '../../cli/io/output.js'
import { addExpertsPerToken } from '../../cli/parsing/experts-per-token.js'
import {
  addCacheType,
  addModelOption,
  addOutputOptions,
  addQuantOption,
  FIRST,
  modelName,
  parseMemory,
  wholeNumber,
} from '../../cli/parsing/options.js'
import { packFirst } from '../../cli/setup/pack-first.js'
import { UsageError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import { formatBytes } from '../../ground/numbers.js'
import { useModel } from '../../insight/texts/reading.js'
import { MAX_THREADS } from '../../library/packing/load-options.js'
import { PUBLISHED_SHAPES, type PublishedShape } from '../../model/families/published-shapes.js'
import { BENCHMARK_FORMATS, type BenchmarkFormat } from './reports/benchmark-rows.js'

interface BenchOptions extends OutputOptions {
  model?: string
  shape?: PublishedShape
  quant?: 'f32' | 'q8' | 'q4'
  prompt: number[]
  generate: number
  depth: number[]
  batch: number[]
  repetitions: number
  threads: number[]
  memory?: number
  expertsPerToken?: LoadOptions['expertsPerToken']
  cacheType?: LoadOptions['cacheType']
  format?: BenchmarkFormat
  json?: boolean
  write?: string
}

export function define(command: Command): void {
  command
    .description(
      'Measures how fast a model reads a prompt (prefill, pp) and writes an answer (decode, tg), and how fast this ' +
        `computer reads its memory in the same run.\n${EXAMPLES}`,
    )
    .addHelpText('after', NOTES)
    .action(bench)
  addModelOption(command)
    .optionsGroup(FIRST)
    .addOption(new Option('--shape <name>', 'random weights of a published size').choices(PUBLISHED_SHAPES))
    .option('-p, --prompt <list>', 'lengths of prompts; 0 for none', parseList('--prompt', 0), [512])
    .option('-n, --generate <n>', 'tokens to generate; 0 for none', wholeNumber('--generate', 0), 64)
    .addOption(
      new Option('-t, --threads <list>', 'numbers of threads')
        .argParser(parseList('--threads', 1, MAX_THREADS))
        .default([os.availableParallelism()], 'one per core'),
    )
    .option('--json', 'the same as --format json')
    .optionsGroup('Measures:')
    .option('-d, --depth <list>', 'tokens in the cache before each test', parseList('--depth', 0), [0])
    .option('-b, --batch <list>', 'sequences that generate at once', parseList('--batch', 1, MOST_SEQUENCES), [1])
    .option('-r, --repetitions <n>', 'runs of each test', wholeNumber('--repetitions', 1), 5)
    .addOption(
      new Option('--format <name>', 'format of the table (default: aligned on a terminal, else md)').choices(
        BENCHMARK_FORMATS,
      ),
    )
    .option(
      '--write <file>',
      'write the model of --shape to a packed file, with the tokenizer of nano, instead of measuring it',
      expandHome,
    )
    .optionsGroup('Model:')
    .option('--memory <size>', 'memory limit for weights, like 800MB', parseMemory)
  addQuantOption(command, 'weights of a checkpoint or shape')
  addOutputOptions(addCacheType(addExpertsPerToken(command)))
}

/** Maximum number of sequences in one pass through the model. */
const MOST_SEQUENCES = 256

const NOTES = `
Objects:
  --json   [{ model, quant, cache_type, threads, tier, node, test, depth, batch,
             tokens_per_second: { median, mean, sd, samples }, ... }]
  cache_type is the format of keys and values, also when the model chose it:
  "bf16", "q8" or "f32" (see --cache-type).`

const EXAMPLES = `
Examples:
  molm bench
  molm bench --shape 350m-4b -p 128,512 -n 64 -d 0,1024 -t 1,2
  molm bench --shape 350m-4b -p 0 -b 1,4,8,16
  molm bench --shape 700m-8b --write /tmp/8b/model-q4.molm.safetensors`

async function bench(options: BenchOptions): Promise<void> {
  if (options.shape && options.model) throw new UsageError('--shape and --model are two models; give one of them')
  if (options.write !== undefined) return write(options)
  const { benchmark } = await import('../benchmark/benchmark.js')
  const { rowWriter } = await import('./reports/benchmark-rows.js')
  const format = options.format ?? (process.stdout.isTTY ? 'table' : 'md')
  const { prompt, generate, depth, batch, repetitions, quant, memory, expertsPerToken, cacheType } = options
  const withBatches = batch.some((sequences) => sequences > 1)
  const withDepths = depth.includes(0) && depth.length > 1
  const writer = rowWriter(options.json ? 'json' : format, { withBatches, withDepths })
  const prompts = prompt.filter((length) => length > 0)
  if (withBatches && generate === 0) throw new UsageError('--batch measures generation; -n 0 generates nothing')
  if (prompts.length === 0 && generate === 0) throw new UsageError('-p 0 and -n 0 leave nothing to measure')
  const plan = { prompts, generate, depths: depth, batches: batch, repetitions }
  let isBegun = false
  for (const threads of options.threads) {
    await useModel(await load(options, { threads, quant, memory, expertsPerToken, cacheType }), async (model) => {
      if (options.verbose) note(`${model.name}: kernels compiled by ${model.compiler}`)
      for await (const row of benchmark(model, plan)) {
        // No heading if nothing can be measured.
        if (!isBegun) await writeOut(writer.begin)
        isBegun = true
        await writeOut(writer.row(row))
      }
    })
  }
  await writeOut(writer.end)
}

async function load({ shape, model, quiet, color }: BenchOptions, options: LoadOptions): Promise<Model> {
  const { loadModel } = await import('../../index.js')
  const { loadRandomModel } = await import('../index.js')
  if (shape) return loadRandomModel(shape, options)
  await packFirst(model, { ...options, quiet, color })
  return loadModel(modelName(model), { ...options, onWarning: warner({ quiet }) })
}

async function write({ shape, write: path, quant = 'q4', quiet }: BenchOptions): Promise<void> {
  if (!shape || !path) throw new UsageError('--write needs a --shape and a file to write')
  const { writeRandomModel } = await import('../index.js')
  const bytes = await writeRandomModel(shape, quant, path)
  if (!quiet) note(`${formatBytes(bytes)} of random weights, ${shape} as ${quant}`)
  await writeOut(`${path}\n`)
}

function parseList(flag: string, least: number, most?: number): (text: string) => number[] {
  const parse = wholeNumber(flag, least, most)
  return (text) => text.split(',').map((part) => parse(part))
}
