import type { ExpertRoutes, LayerRoutes } from '../../api/routes.js'
import type { RoutedToken } from '../../api/wire.js'
import { bitsOf } from '../../insight/usage/text-colours.js'
import { TextRoutes } from '../../insight/usage/text-routes.js'
import type { MixtureKind } from '../../model/config/config.js'
import type { PageModel } from '../requests/routes.js'

/** A text whose tokens come one by one, with their experts. */
export class GrowingText extends TextRoutes {
  private readonly ids: number[]
  private readonly texts: Map<number, string>
  private readonly layers: LayerRoutes[][] = []
  private readonly bits: (number | undefined)[] = []

  constructor(name: string, model: PageModel) {
    const ids: number[] = []
    const texts = new Map<number, string>()
    super(name, ids, { ...model, textOf: (token) => texts.get(token) ?? '' })
    this.ids = ids
    this.texts = texts
    this.surprise = this.bits
  }

  /** Adds a token. `layers` are its experts, which count as usage only once the model has read the token. */
  append({ token, text, experts }: RoutedToken, layers: LayerRoutes[], logprob?: number): void {
    this.ids.push(token)
    this.texts.set(token, text)
    this.layers.push(layers)
    this.bits.push(logprob === undefined ? undefined : bitsOf(logprob))
    if (experts) this.usage.add(layers, 1)
  }

  override at(token: number): LayerRoutes[] {
    return this.layers[token]
  }

  override chosen(token: number, layer: number, kind: MixtureKind): ExpertRoutes | undefined {
    return this.layers[token][layer][kind]
  }
}
