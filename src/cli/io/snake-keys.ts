import { isObject } from '../../json.js'
import { snakeCase } from '../../spelling.js'

/** A deep copy with its keys in snake case, as `--json` prints them: `max_tokens` for `maxTokens`. */
export function snakeKeys(object: object): object {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [snakeCase(key), withSnakeKeys(value)]))
}

function withSnakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeKeys)
  return isObject(value) ? snakeKeys(value) : value
}
