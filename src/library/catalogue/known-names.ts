import { nearest } from '../../ground/spelling.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { MODEL_ROWS, type ModelRow } from './model-rows.js'

const wordOf = (name: string) => name.split(':')[0]

/** The row that a name means, with or without its tag, in any case of letters. */
export function rowOf(name: string): ModelRow | undefined {
  const typed = name.toLowerCase()
  return MODEL_ROWS.find((row) => row.name === typed) ?? MODEL_ROWS.find((row) => wordOf(row.name) === typed)
}

/**
 * Names under which a row's model is pulled, the one to fetch first: the GGUF file, unless a packing is wanted, which
 * the checkpoint's floats give without rounding twice.
 */
export function sourcesOf({ gguf, checkpoint }: ModelRow, quant?: Quant): string[] {
  if (!gguf) return [checkpoint]
  return quant === undefined ? [gguf.source, checkpoint] : [checkpoint, gguf.source]
}

/** Hint at the meaning of a name that is in no row: another tag of its word, or a name that it nearly is. */
export function nameHint(name: string): string | undefined {
  if (name.includes('/')) return undefined
  const word = wordOf(name.toLowerCase())
  const tagged = MODEL_ROWS.filter((row) => wordOf(row.name) === word).map((row) => row.name)
  if (tagged.length > 0) return `there is ${tagged.join(' and ')}`
  const names = MODEL_ROWS.map((row) => row.name)
  const meant = nearest(name, [...new Set(names.map(wordOf)), ...names], { isName: true })
  return meant && `did you mean ${meant}?`
}
