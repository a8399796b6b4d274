import { TextRoutes } from '#molm/experts/text-routes.js'
import { seededRandom } from '#molm/sampling/random.js'
import { mixture, reader } from './routed-text.js'

const EXPERTS = { attention: 4, mlp: 6 }
const LAYERS = 3

/**
 * A text of at most 1024 tokens. Each chooses two attention and three MLP experts in each layer at random, but some
 * experts prefer the company of others.
 */
export function randomText(name: string, tokens: number, seed: number): TextRoutes {
  const random = seededRandom(seed)
  const model = reader([mixture('attention', [4, 4, 4], 2), mixture('mlp', [6, 0, 6], 3)], ['a'])
  const text = new TextRoutes(
    name,
    Array.from({ length: tokens }, () => 0),
    model,
  )
  const choose = (experts: number, count: number, first: number) => {
    const ids = [first]
    while (ids.length < count) {
      const id = Math.floor(random.nextFloat() ** 2 * experts)
      if (!ids.includes(id)) ids.push(id)
    }
    return ids
  }
  const routes = Array.from({ length: LAYERS }, () => ({ attention: [] as number[], mlp: [] as number[] }))
  for (let token = 0; token < tokens; token++) {
    const favourite = Math.floor(random.nextFloat() * 4)
    for (const layer of routes) {
      layer.attention.push(...choose(EXPERTS.attention, 2, favourite))
      layer.mlp.push(...choose(EXPERTS.mlp, 3, random.nextFloat() < 0.5 ? favourite : 5))
    }
  }
  const packed = (ids: number[]) => ({ ids: Int32Array.from(ids), gates: new Float32Array(ids.length).fill(0.5) })
  text.add(
    routes.map(({ attention, mlp }, layer) => ({
      attention: packed(attention),
      ...(layer !== 1 && { mlp: packed(mlp) }),
    })),
    tokens,
  )
  return text
}
