import { openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { safetensors } from '../../support/safetensors-writer.js'
import { jsonBomb } from '../bombs.js'
import type { Chance } from '../chance.js'
import { checkTensors } from '../check-tensors.js'
import { bytesOf, type Files, replaced, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmJson } from '../harm-json.js'

const INDEX = 'model.safetensors.index.json'
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']

/** Index of a checkpoint in several files. */
export const indexJson: Format = {
  name: 'index',
  inputs: 7000,
  prepare: () => ({
    sound: shards,

    harm(files, chance) {
      if (chance.oneIn(500)) return replaced(files, INDEX, jsonBomb(chance, INDEX))
      const name = chance.oneIn(8) ? chance.pick(SHARDS) : INDEX
      if (name !== INDEX) {
        chance.note(`${name} is missing`)
        return replaced(files, name, undefined)
      }
      return replaced(files, INDEX, harmJson(indexOf(files), chance, INDEX))
    },

    async read({ files }) {
      const memory = new MemoryFiles(Object.fromEntries([...files.keys()].map((name) => [name, bytesOf(files, name)])))
      try {
        const checkpoint = await openCheckpoint(memory)
        const { weight_map: map } = indexOf(files) as { weight_map: Record<string, string> }
        const names = [...checkpoint.tensors.keys()].sort().join()
        expect(names === Object.keys(map).sort().join(), `the tensors are ${names}`)
        for (const { name, source } of checkpoint.tensors.values()) {
          expect(source.name === map[name], `${name} comes from ${source.name}`)
        }
        await checkTensors(checkpoint.tensors.values())
        await checkpoint.close()
      } finally {
        expect(memory.opened.size === 0, `${memory.opened.size} files are left open`)
      }
    },
  }),
}

function shards(chance: Chance): Files {
  const header: Record<string, unknown>[] = [{}, {}]
  const map: Record<string, string> = {}
  const ends = [0, 0]
  for (let i = chance.between(1, 6); i > 0; i--) {
    const shard = chance.below(2)
    header[shard][`w${i}`] = { dtype: 'F32', shape: [i], data_offsets: [ends[shard], ends[shard] + 4 * i] }
    ends[shard] += 4 * i
    map[`w${i}`] = SHARDS[shard]
  }
  return new Map([
    ['config.json', utf8('{}')],
    [INDEX, utf8(JSON.stringify({ metadata: { total_size: ends[0] + ends[1] }, weight_map: map }))],
    ...SHARDS.map((name, i): [string, Uint8Array] => [name, safetensors(header[i], new Uint8Array(ends[i]))]),
  ])
}

function indexOf(files: Files): unknown {
  return JSON.parse(new TextDecoder().decode(bytesOf(files, INDEX)))
}
