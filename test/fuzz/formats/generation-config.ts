import { loadGenerationDefaults } from '#molm/text/generation-config.js'
import { StopStrings } from '#molm/text/stop-strings.js'
import { jsonBomb } from '../bombs.js'
import { bytesOf, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmJson } from '../harm-json.js'

const FILE = 'generation_config.json'

/** generation_config.json, with its stop strings applied to a text. */
export const generationConfig: Format = {
  name: 'generation-config',
  inputs: 3000,
  prepare: () => ({
    onDisk: true,

    sound(chance) {
      const some = Object.entries(ALL).filter(() => !chance.oneIn(3))
      return new Map([[FILE, utf8(JSON.stringify(Object.fromEntries(some)))]])
    },

    harm(files, chance) {
      if (chance.oneIn(400)) return new Map([[FILE, jsonBomb(chance, FILE)]])
      if (chance.oneIn(200)) {
        const count = 2 ** chance.between(6, 19)
        chance.note(`${FILE}: ${count} stop strings`)
        return new Map([[FILE, utf8(JSON.stringify({ stop_strings: new Array(count).fill('stop') }))]])
      }
      const json = JSON.parse(new TextDecoder().decode(bytesOf(files, FILE)))
      return new Map([[FILE, harmJson(json, chance, FILE)]])
    },

    async read({ dir }) {
      const {
        temperature = 1,
        topP = 1,
        minP = 0,
        maxTokens = 1,
        stop = [],
        eosTokens = [],
      } = await loadGenerationDefaults(dir)
      expect(temperature >= 0 && topP >= 0 && topP <= 1 && minP >= 0 && minP <= 1, 'a number is out of its range')
      expect(Number.isInteger(maxTokens) && maxTokens > 0, `maxTokens is ${maxTokens}`)
      expect(
        eosTokens.every((id) => Number.isInteger(id) && id >= 0),
        `eosTokens is ${eosTokens}`,
      )
      const watcher = new StopStrings(stop)
      const shown = watcher.push('some text and ') + watcher.push('more of it') + watcher.flush()
      expect('some text and more of it'.startsWith(shown), `it shows ${JSON.stringify(shown)}`)
    },
  }),
}

const ALL = {
  ...{
    bos_token_id: 23,
    eos_token_id: [23, 22],
    do_sample: true,
    temperature: 0.3,
    top_k: 40,
    top_p: 0.95,
    min_p: 0.05,
  },
  ...{ repetition_penalty: 1.1, max_new_tokens: 64, stop_strings: ['\nUser:', 'stop'], transformers_version: '4.40.0' },
}
