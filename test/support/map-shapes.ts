import { seededRandom } from '#molm/engine/sampling/random.js'
import type { ColourDepth } from '#molm/ground/output/colours.js'
import type { LayerRoutes, Mixture } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { chatOf, layersOf, mixturesOf, modelOf } from './chats.js'

/** Mixtures of nano, and of models with as many layers and experts as Granite 1B, OLMoE and Qwen3 30B. */
export const MAP_SHAPES: Record<string, Mixture[]> = {
  '6 x 8 and 24': [...mixturesOf(6, { attention: 8 }), ...mixturesOf(6, { mlp: 24 }, [], 4)],
  '24 x 32': mixturesOf(24, { mlp: 32 }, [], 8),
  '16 x 64': mixturesOf(16, { mlp: 64 }, [], 8),
  '48 x 128': mixturesOf(48, { mlp: 128 }, [], 8),
}

/** Tokens of the text that these chats have read and written. */
const WORDS = 'One tablet of 500 mg is the usual dose ; the little ship sails home at dusk , and ships rest .'.split(
  ' ',
)

/** Routes of a token: its word and its place decide on the experts, so that each expert prefers some words. */
function routesOfWord(mixtures: readonly Mixture[], at: number): LayerRoutes[] {
  const random = seededRandom(7919 * (at % WORDS.length) + 1)
  const noise = seededRandom(at + 1)
  return Array.from({ length: layersOf([...mixtures]) }, (_, layer) => {
    const kinds = mixtures.map(({ kind, experts, topK }) => {
      const scores = Array.from({ length: experts[layer] }, () => 3 * random.nextFloat() + noise.nextFloat())
      const exponentials = scores.map((score) => Math.exp(score))
      const sum = exponentials.reduce((all, one) => all + one, 0)
      const probabilities = Float32Array.from(exponentials, (one) => one / sum)
      const ids = Int32Array.from(scores.keys())
        .sort((a, b) => scores[b] - scores[a])
        .slice(0, topK)
      const chosen = Float32Array.from(ids, (id) => exponentials[id])
      const all = chosen.reduce((total, one) => total + one, 0)
      return [kind, { ids, gates: chosen.map((one) => one / all), probabilities }]
    })
    return Object.fromEntries(kinds)
  })
}

/** A chat whose model has read and written these words, each with experts that it prefers. */
export async function routedChat(mixtures: Mixture[], depth: ColourDepth, name = 'acme/model'): Promise<Chat> {
  const chat = await chatOf(mixtures, depth, { model: modelOf(mixtures, layersOf(mixtures), name) })
  const { map } = chat
  map.reset()
  const routes = known.get(mixtures) ?? Array.from({ length: 3 * WORDS.length }, (_, at) => routesOfWord(mixtures, at))
  known.set(mixtures, routes)
  for (const [at, ofToken] of routes.entries())
    map.add({ id: 0, text: ` ${WORDS[at % WORDS.length]}`, routes: ofToken })
  map.answerStart = 1
  return chat
}

/** Routes of all tokens by the mixtures, since many chats share them. */
const known = new Map<Mixture[], LayerRoutes[][]>()
