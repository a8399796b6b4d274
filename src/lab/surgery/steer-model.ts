import { resolve } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { isNumber, listOf } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
import { type ModelConfig, type PerMixture, perMixture } from '../../model/config/config.js'
import { type ExpertMask, maskedExperts } from '../../model/config/expert-mask.js'
import { pushOf, scaledMask } from '../../model/config/mask-spec.js'
import { readMask } from '../../model/config/read-mask.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { molmExperts } from './derived-config.js'
import { writeDerivedModel } from './derived-model.js'
import { withPackedModel } from './packed-model.js'

export interface SteerModelOptions {
  /** Contents of a file that `molm experts --contrast --write` makes: `experts` and `spreads`. */
  steering: unknown
  /** Factor of its pushes. Default 1. */
  strength?: number
  /** Format to pack `name` in if it is a checkpoint. Default q4. */
  quant?: Quant
  threads?: number
  signal?: AbortSignal
}

/**
 * Writes a packed model whose routers are steered by themselves: each push becomes a bias of its expert's logit, push
 * times the mean spread of the layer. All other weights stay the same, bit for bit. Rejects with a UserError if the
 * steering has experts that are off or always chosen, which no bias can do, or no spreads.
 */
export async function steerModel(
  name: string,
  outDir: string,
  { steering, strength = 1, ...options }: SteerModelOptions,
): Promise<{ path: string; bytes: number }> {
  return withPackedModel(name, outDir, options, async (own, found) => {
    const { config } = own
    const mask = scaledMask(readMask(steering, 'the steering', config), strength)
    const biases = biasesOf(mask, spreadsOf(steering, config), config)
    const bytes = await writeDerivedModel(own, outDir, {
      experts: molmExperts(config, { count: ({ experts }, layer) => experts[layer], gateBias: true }),
      rows: ({ kind }, { layer }, rows) =>
        rows.map((row, id) => ({ ...row, bias: row.bias + (biases[kind]?.[layer]?.[id] ?? 0) })),
      signal: options.signal,
    })
    return { path: resolve(outDir, packedFileName(found.quant)), bytes }
  })
}

/** Biases of the logits by mixture, layer and expert. */
function biasesOf(mask: ExpertMask, spreads: PerMixture<number[]>, { mixtures }: ModelConfig): PerMixture<number[][]> {
  const isAlways = Object.values(mask.pushes ?? {}).some((layers) => layers.flat().some(({ by }) => by === 'always'))
  if (isAlways || maskedExperts(mask) > 0) {
    throw new UserError('a bias cannot switch an expert off or choose it always: steer by numbers, or use molm prune')
  }
  return perMixture(mixtures, ({ kind, experts }) =>
    experts.map((count, layer) =>
      Array.from({ length: count }, (_, id) => Number(pushOf(mask, kind, layer, id)) * (spreads[kind]?.[layer] ?? 0)),
    ),
  )
}

function spreadsOf(steering: unknown, { mixtures }: ModelConfig): PerMixture<number[]> {
  const given = isObject(steering) && isObject(steering.spreads) ? steering.spreads : {}
  return perMixture(mixtures, ({ kind, experts }) => {
    const list: unknown = given[kind]
    if (listOf(isNumber, { least: experts.length, most: experts.length })(list)) return list
    throw new UserError(
      `the steering has no spreads of the ${kind} experts: make it by molm experts --contrast --write`,
    )
  })
}
