import type { Reader } from '../experts/text-routes.js'
import { type MixtureKind, mixtureOf } from '../model/config.js'
import { printable } from '../printable.js'
import { TITLES } from './figure.js'

/** A model in its packing: `nano (q4)`, also where it was asked for as `nano:q4`. */
export function modelTitle({ name, quant }: Pick<Reader, 'name' | 'quant'>): string {
  const tag = `:${quant}`
  return `${printable(name.endsWith(tag) ? name.slice(0, -tag.length) : name)} (${quant})`
}

/** How many experts a token uses: `per layer a token uses 2 of 8 attention experts and 4 of 24 MLP experts`. */
export function expertsPerToken({ config }: Pick<Reader, 'config'>): string {
  const kinds = config.mixtures.map(({ kind, experts, topK }) => {
    const some = experts.filter((count) => count > 0)
    const [least, most] = [Math.min(...some), Math.max(...some)]
    return `${topK} of ${least === most ? most : `${least} to ${most}`} ${TITLES[kind]}`
  })
  return `per layer a token uses ${kinds.join(' and ')}`
}

/** Whether an expert was taught to the model later. */
export function isNewcomer(
  { config }: Pick<Reader, 'config'>,
  kind: MixtureKind,
  layer: number,
  expert: number,
): boolean {
  return mixtureOf(config, kind)?.newExperts?.[layer]?.includes(expert) ?? false
}

/** Which experts were taught to a model later: `newcomers: mlp 24 in layers 3, 4, 5`; nothing where none was. */
export function newcomersLine({ config }: Pick<Reader, 'config'>): string[] {
  const named = config.mixtures.flatMap(({ kind, newExperts = [] }) => {
    const byIds = new Map<string, number[]>()
    for (const [layer, ids] of newExperts.entries()) {
      if (ids.length > 0) byIds.set(ids.join(', '), [...(byIds.get(ids.join(', ')) ?? []), layer])
    }
    return [...byIds].map(
      ([ids, layers]) => `${kind} ${ids} in ${layers.length === 1 ? 'layer' : 'layers'} ${layers.join(', ')}`,
    )
  })
  return named.length === 0 ? [] : [`newcomers, taught later: ${named.join('; ')}`]
}
