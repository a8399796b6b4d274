import { loadTokenizer } from '#molm/text/tokenizer.js'
import { fixturePath } from '../support/fixtures.js'
import { type Files, take } from './files.js'
import { expect, type Input } from './format.js'

const NAMES = ['tokenizer.json', 'tokenizer_config.json', 'vocab.json', 'merges.txt']

/** Files of a small tokenizer like GPT-2's. */
export function tokenizerFiles(): Files {
  const all = take(fixturePath('01-base-bin-f32'))
  return new Map(NAMES.map((name) => [name, all.get(name) ?? 'folder']))
}

const TEXTS = [
  '',
  'Once upon a time, there was',
  '  two  blanks\n\n',
  'na\u00efve \u{1f600} \u4e16\u754c',
  '<|endoftext|>',
  'a'.repeat(300),
]

/** Loads a tokenizer, then encodes and decodes some texts. */
export async function readWithTokenizer({ dir, isSound }: Input): Promise<void> {
  const tokenizer = await loadTokenizer(dir)
  if (!tokenizer) return expect(!isSound, 'there is no tokenizer')
  for (const text of TEXTS) {
    const ids = await tokenizer.encode(text)
    expect(
      ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize),
      `${text} becomes ${ids}`,
    )
    const back = tokenizer.decode(ids)
    expect(typeof back === 'string' && (!isSound || back === text), `${JSON.stringify(text)} comes back as ${back}`)
    for (const id of ids.slice(0, 5)) expect(tokenizer.bytesOf(id) instanceof Uint8Array, `${id} has no bytes`)
  }
  expect(tokenizer.bytesOf(2 ** 31).length === 0, 'an id without a token has bytes')
}
