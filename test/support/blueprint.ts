import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import type { Blueprint } from '#molm/model/packing/format/layout.js'

/** Blueprint of a parsed config.json. Errors begin with `where`. */
export function blueprintFor(json: unknown, where: string): Blueprint {
  return blueprintOf(parseConfig(json, where))
}
