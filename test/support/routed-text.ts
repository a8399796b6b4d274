import type { LayerRoutes, Mixture, MixtureKind } from '#molm/index.js'
import { type Reader, TextRoutes } from '#molm/insight/usage/text-routes.js'

/** Choices of one token in every layer that has experts of a kind: ids with falling gates. */
export type Choices = Partial<Record<MixtureKind, { ids: number[]; gates: number[] }>>

export function mixture(kind: MixtureKind, experts: number[], topK: number): Mixture {
  return { kind, experts, topK }
}

/** A model with only a shape and words for its tokens. */
export function reader(mixtures: Mixture[], words: string[], rest: Partial<Reader> = {}): Reader {
  const textOf = (token: number) => words[token % words.length]
  return { name: 'small', quant: 'q4', config: { mixtures }, textOf, ...rest }
}

/** A text whose tokens make the given choices, the same in every layer. */
export function routedText(name: string, model: Reader, tokens: number[], choices: (i: number) => Choices): TextRoutes {
  const text = new TextRoutes(name, tokens, model)
  const { mixtures } = model.config
  const routes = mixtures[0].experts.map((_, layer) => {
    const entries = mixtures.flatMap(({ kind, experts }) => {
      if (experts[layer] === 0) return []
      const all = tokens.map((_, i) => choices(i)[kind] ?? { ids: [], gates: [] })
      const ids = Int32Array.from(all.flatMap(({ ids }) => ids))
      return [[kind, { ids, gates: Float32Array.from(all.flatMap(({ gates }) => gates)) }] as const]
    })
    return Object.fromEntries(entries) as LayerRoutes
  })
  text.add(routes, tokens.length)
  return text
}
