import { basename } from 'node:path'
import { UsageError } from '../../errors.js'
import type { TextRoutes } from '../../experts/text-routes.js'
import { type NamedTrace, type TracedModel, textsOfTraces } from '../../experts/trace-texts.js'
import { readChunks, readTrace } from '../../experts/traces/read-trace.js'
import { note } from '../io/output.js'
import type { ModelOptions } from '../parsing/options.js'
import { packFirst } from './pack-first.js'

export interface FromOptions extends ModelOptions {
  from?: string[]
  experts?: number
  colour?: { by: string }
}

/** Reads the traces of `--from`, and says on stderr what they have. */
export async function tracedTexts(words: readonly string[], options: FromOptions): Promise<TextRoutes[]> {
  const { from = [], experts, model, quiet, colour } = options
  if (words.length > 0) throw new UsageError('give a prompt or --from, not both')
  if (colour?.by === 'surprise') throw new UsageError('--colour surprise needs a text: a trace has no probabilities')
  if (model !== undefined && experts !== undefined) {
    throw new UsageError('-m names the model of the trace, which has its number of experts; leave out --experts')
  }
  const traces: NamedTrace[] = []
  for (const path of from) {
    const isStdin = path === '-'
    const trace = await (isStdin ? readChunks('stdin', process.stdin) : readTrace(path))
    const isTwice = from.filter((other) => basename(other) === basename(path)).length > 1
    traces.push({ name: isStdin ? 'stdin' : isTwice ? path : basename(path), trace })
  }
  const known = model === undefined ? undefined : await tracedModel(model, options)
  const { texts, notes } = textsOfTraces(traces, { model: known, experts })
  if (!quiet) for (const line of notes) note(line)
  return texts
}

async function tracedModel(model: string, options: ModelOptions): Promise<TracedModel> {
  await packFirst(model, options)
  const { resolveModel } = await import('../../library/resolve-model.js')
  const { loadTokenizer } = await import('../../text/tokenizer.js')
  const { name, folder, config, quant: packing } = await resolveModel(model, options.quant)
  const tokenizer = await loadTokenizer(folder)
  return { name, quant: packing, config, textOf: (token) => tokenizer?.decode([token]) ?? `<${token}>` }
}
