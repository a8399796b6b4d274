import { join } from 'node:path'
import { readIfPresent, readJsonIfPresent } from '../../checkpoint/text-files.js'
import { UserError } from '../../errors.js'

/**
 * Reads GPT-2's byte-level BPE from vocab.json and merges.txt into the equivalent tokenizer.json. Undefined if the
 * folder has neither file. Rejects with a UserError that names a missing or unusable one.
 */
export async function readVocabAndMerges(
  dir: string,
  tokenizerConfig: Record<string, unknown>,
): Promise<Record<string, unknown> | undefined> {
  const vocabFile = join(dir, 'vocab.json')
  const mergesFile = join(dir, 'merges.txt')
  const [vocab, merges] = await Promise.all([readJsonIfPresent(dir, 'vocab.json'), readIfPresent(dir, 'merges.txt')])
  if (!vocab && !merges) return undefined
  if (!vocab) throw new UserError(`${vocabFile}: missing, without it merges.txt is no tokenizer`)
  if (!merges) throw new UserError(`${mergesFile}: missing, without it vocab.json is no tokenizer`)

  return {
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: tokenizerConfig.add_prefix_space === true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab, merges: parseMerges(new TextDecoder().decode(merges), vocab, mergesFile) },
  }
}

/**
 * Reads merges.txt: a line with the version, then one pair a line, the best first. A pair or merged token that is not in
 * the vocabulary is an error, since its text would vanish.
 */
function parseMerges(text: string, vocab: Record<string, unknown>, file: string): [string, string][] {
  const merges: [string, string][] = []
  text.split(/\r?\n/).forEach((line, index) => {
    if (line === '' || (index === 0 && line.startsWith('#version'))) return
    const [left, right, ...more] = line.split(' ')
    if (!left || !right || more.length > 0) {
      throw new UserError(`${file}: line ${index + 1} is not a pair of tokens with a space between`)
    }
    if (![left, right, left + right].every((token) => Object.hasOwn(vocab, token))) {
      throw new UserError(`${file}: line ${index + 1} merges tokens that vocab.json does not have`)
    }
    merges.push([left, right])
  })
  return merges
}
