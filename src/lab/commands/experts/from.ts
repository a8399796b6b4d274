import { type Command, Option } from 'commander'
import { shortName } from '../../../cli/io/input-text.js'
import { note } from '../../../cli/io/output.js'
import { STDIN } from '../../../cli/io/stdin.js'
import { collect, type ModelOptions, wholeNumber } from '../../../cli/parsing/options.js'
import { packFirst } from '../../../cli/setup/pack-first.js'
import { UsageError } from '../../../ground/errors.js'
import { readChunks, readTrace, shapeOf } from '../../traces/read-trace.js'
import { type NamedTrace, type TracedModel, textsOfTraces } from '../../traces/trace-texts.js'
import type { ExpertsOptions, Report } from './mode.js'
import { usageReport } from './usage.js'

export const hasTexts = true

export const own = ['experts'] as const

export function define(command: Command): void {
  command
    .optionsGroup('Traces:')
    .addOption(
      new Option(
        '--from <file>',
        'draw a trace of molm, or routed_experts of vLLM or SGLang (- for stdin); repeatable, to compare',
      )
        .argParser(collect)
        .conflicts(['against', 'atlas', 'ablate', 'file', 'mask', 'names']),
    )
    .option(
      '--experts <n>',
      'experts in a layer of the trace (default: by the largest id)',
      wholeNumber('--experts', 1),
    )
}

/** Reads the traces, and says on stderr what they have. */
export async function report(options: ExpertsOptions): Promise<Report> {
  const { from = [], experts, model, quiet, colour } = options
  if (colour?.by === 'surprise') throw new UsageError('--colour surprise needs a text: a trace has no probabilities')
  if (model !== undefined && experts !== undefined) {
    throw new UsageError('-m names the model of the trace, which has its number of experts; leave out --experts')
  }
  const known = model === undefined ? undefined : await tracedModel(model, options)
  const shape = known && shapeOf(known.config)
  const traces: NamedTrace[] = []
  for (const path of from) {
    if (path === STDIN) traces.push({ name: 'stdin', trace: await readChunks('stdin', process.stdin, shape) })
    else traces.push({ name: shortName(path, from), trace: await readTrace(path, shape) })
  }
  const { texts, notes } = textsOfTraces(traces, { model: known, experts })
  if (!quiet) for (const line of notes) note(line)
  return usageReport(texts, options)
}

async function tracedModel(model: string, options: ModelOptions): Promise<TracedModel> {
  await packFirst(model, options)
  const { resolveModel } = await import('../../../library/finding/resolve-model.js')
  const { loadTokenizer } = await import('../../../text/tokenizer.js')
  const { name, folder, config, quant: packing } = await resolveModel(model, options.quant)
  const tokenizer = await loadTokenizer(folder)
  return { name, quant: packing, config, textOf: (token) => tokenizer?.decode([token]) ?? `<${token}>` }
}
