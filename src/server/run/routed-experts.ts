import type { LayerRoutes } from '../../api/routes.js'
import type { Tokenizer } from '../../api/text.js'
import { layersOf } from '../../experts/layers-json.js'

/** A token with the experts that it woke when it was read, per layer; null if the model had no position left to read it. */
export interface RoutedToken {
  token: number
  text: string
  experts: ReturnType<typeof layersOf> | null
}

export function routedToken(
  token: number,
  routes: readonly LayerRoutes[] | undefined,
  tokenizer: Tokenizer | undefined,
): RoutedToken {
  return { token, text: tokenizer?.decode([token]) ?? '', experts: routes ? layersOf(routes) : null }
}
