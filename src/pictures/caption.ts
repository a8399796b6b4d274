import type { Reader } from '../experts/text-routes.js'
import { printable } from '../printable.js'
import { TITLES } from './figure.js'

/** A model in its packing: `nano (q4)`, also where it was asked for as `nano:q4`. */
export function modelName({ name, quant }: Pick<Reader, 'name' | 'quant'>): string {
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
