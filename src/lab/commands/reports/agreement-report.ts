import { basename } from 'node:path'
import type { PromptProgress } from '../../../api/generation.js'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { note, writeJson, writeOut } from '../../../cli/io/output.js'
import { withStatusLine } from '../../../cli/io/status-line.js'
import type { ModelOptions } from '../../../cli/parsing/options.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { UserError } from '../../../ground/errors.js'
import { expandHome } from '../../../ground/files/home.js'
import { alignColumns } from '../../../ground/output/table.js'
import type { Model } from '../../../index.js'
import {
  compareRouting,
  type LayerAgreement,
  meanAgreement,
  type RoutingAgreement,
} from '../../../insight/usage/agreement.js'
import { readUsage } from '../../../insight/usage/measure-usage.js'
import { readerOf } from '../../../insight/usage/text-routes.js'
import { perMixture } from '../../../model/config/config.js'
import { readTrace, shapeOf } from '../../traces/read-trace.js'
import { type NamedTrace, textsOfTraces } from '../../traces/trace-texts.js'

interface RoutesOptions extends ModelOptions {
  routes?: string[]
  json?: boolean
}

/** Reads the tokens of traces again, and prints how far the routing of this computer agrees with them. */
export async function compareRoutes({ routes = [], json, ...options }: RoutesOptions): Promise<void> {
  const [name, agreements] = await withModel(options, async ({ model }) => {
    const shape = shapeOf(model.config)
    const read = async (path: string) => ({ name: basename(path), trace: await readTrace(expandHome(path), shape) })
    return [model.name, await agreementsWith(model, await Promise.all(routes.map(read)), options)] as const
  })
  if (json) await writeJson({ model: name, routes: agreements.map(agreementObject) })
  else await writeOut(agreements.map(agreementTable).join('\n'))
}

async function agreementsWith(model: Model, traces: NamedTrace[], options: RoutesOptions): Promise<RoutingAgreement[]> {
  const traced = new Set(
    traces.flatMap(({ trace }) => trace.texts.flatMap(({ text }) => text.layers.map(({ kind }) => kind))),
  )
  const mixtures = model.config.mixtures.filter(({ kind }) => traced.has(kind))
  const reader = { ...readerOf(model), config: { ...model.config, mixtures } }
  const { texts, notes } = textsOfTraces(traces, { model: reader })
  if (!options.quiet) for (const line of notes) note(line)
  const agreements: RoutingAgreement[] = []
  for (const text of texts) {
    const wrong = text.tokens.findIndex((id) => !(id >= 0 && id < model.config.vocabSize))
    if (wrong >= 0)
      throw new UserError(
        `${text.name}: token ${wrong} has no id of ${model.name}; the trace needs the ids of all tokens`,
      )
    const own = await withStatusLine(options, (line) => {
      const onPromptProgress = ({ processed, total }: PromptProgress) =>
        line.refresh(() => `reading ${Math.floor((100 * processed) / total)} %`)
      return readUsage(model, text.name, text.tokens, { reader, onPromptProgress, signal: interruptSignal() })
    })
    agreements.push(compareRouting(own, text))
  }
  return agreements
}

function agreementTable(agreement: RoutingAgreement): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`
  const rows = agreement.mixtures.flatMap(({ kind, layers }) => {
    const row = (layer: string, { top1, overlap }: Pick<LayerAgreement, 'top1' | 'overlap'>) => [
      layer,
      kind,
      percent(top1),
      percent(overlap),
    ]
    const all = layers.flatMap((one, layer) => (one.experts > 0 ? [row(String(layer), one)] : []))
    return [...all, row('mean', meanAgreement(agreement, kind))]
  })
  return `${agreement.text.name}\n${alignColumns([['layer', 'experts', 'same first', 'in common'], ...rows], [2, 3])}`
}

/**
 * Shares by kind and layer, null for a layer without experts of the kind. `experts` has, for each layer and expert, the
 * share of the tokens that choose it in the other model and in this one, too; null if no token does or this model lacks it.
 */
export function agreementObject(agreement: RoutingAgreement) {
  const { text, mixtures } = agreement
  const layers = <T>(of: (layer: LayerAgreement) => T) =>
    perMixture(mixtures, ({ layers }) => layers.map((layer) => (layer.experts > 0 ? of(layer) : null)))
  return {
    name: text.name,
    tokens: text.tokens.length,
    mean: perMixture(mixtures, ({ kind }) => meanAgreement(agreement, kind)),
    top1: layers(({ top1 }) => top1),
    overlap: layers(({ overlap }) => overlap),
    missing: layers(({ missing }) => missing),
    experts: perMixture(mixtures, ({ layers }) =>
      layers.map(({ chosen, kept, has }) =>
        Array.from(chosen, (count, id) => (count > 0 && has.model[id] ? kept[id] / count : null)),
      ),
    ),
  }
}
