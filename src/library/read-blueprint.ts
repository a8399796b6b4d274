import { blueprintOf, parseConfig } from '../architectures/index.js'
import type { Blueprint } from '../packing/format/layout.js'

/** Reads a parsed config.json. Throws a UserError, which begins with `path`, if molm does not run such a model. */
export function readBlueprint(json: unknown, path: string): Blueprint {
  return blueprintOf(parseConfig(json, path))
}
