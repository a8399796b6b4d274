import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** The parser of JavaScript's patterns. It is read with the first pattern, so that what has none starts no later. */
export function regexpp(): typeof import('@eslint-community/regexpp') {
  return require('@eslint-community/regexpp')
}
