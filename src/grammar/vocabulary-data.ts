import type { Tokenizer } from '../api/text.js'
import type { VocabularyData } from './run/token-tree.js'

/** Tokens read between two pauses. */
const TOKENS_A_STEP = 1024

/** Reads the tokens of a model; ids up to `size` that the tokenizer lacks have none. */
export function* vocabularyOf(tokenizer: Tokenizer, size: number): Generator<void, VocabularyData> {
  const tokens: Uint8Array[] = []
  const starts = new Uint32Array(new SharedArrayBuffer(4 * (size + 1)))
  for (let id = 0; id < size; id++) {
    tokens.push(id < tokenizer.vocabSize ? tokenizer.bytesOf(id) : new Uint8Array(0))
    starts[id + 1] = starts[id] + tokens[id].length
    if (id % TOKENS_A_STEP === 0) yield
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(starts[size]))
  for (let id = 0; id < size; id++) bytes.set(tokens[id], starts[id])
  const specials = [...tokenizer.specialIds].filter((id) => id < size)
  return { bytes, starts, specials: specials.map((id) => [id, tokenizer.token(id)]) }
}
