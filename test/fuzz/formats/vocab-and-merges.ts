import { jsonBomb } from '../bombs.js'
import { bytesOf, replaced } from '../files.js'
import type { Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'
import { harmJson } from '../harm-json.js'
import { readWithTokenizer, tokenizerFiles } from '../tokenizer-files.js'

const [VOCAB, MERGES] = ['vocab.json', 'merges.txt']

/** Tokenizer in the older form of two files. */
export const vocabAndMerges: Format = {
  name: 'vocab-and-merges',
  inputs: 2500,
  prepare() {
    const files = replaced(tokenizerFiles(), 'tokenizer.json', undefined)
    const vocab = JSON.parse(new TextDecoder().decode(bytesOf(files, VOCAB)))
    return {
      onDisk: true,
      sound: () => files,

      harm(files, chance) {
        if (chance.oneIn(400)) return replaced(files, VOCAB, jsonBomb(chance, VOCAB))
        if (chance.oneIn(20)) {
          const name = chance.pick([VOCAB, MERGES])
          chance.note(`${name} is missing`)
          return replaced(files, name, undefined)
        }
        if (chance.oneIn(2)) return replaced(files, VOCAB, harmJson(vocab, chance, VOCAB))
        return replaced(files, MERGES, harmBytes(bytesOf(files, MERGES), chance, MERGES))
      },

      read: readWithTokenizer,
    }
  },
}
