import { loadGenerationDefaults } from '#molm/text/generation-config.js'
import { StopStrings } from '#molm/text/stop-strings.js'
import { jsonBomb } from '../bombs.js'
import { utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { jsonLines } from '../harm-json.js'

const FILE = 'generation_config.json'

/** generation_config.json, with its stop strings applied to a text. */
export const generationConfig: Format = {
  name: 'generation-config',
  inputs: 3000,
  prepare: () => ({
    onDisk: true,
    ...LINES,

    harm(files, chance) {
      if (chance.oneIn(400)) return new Map([[FILE, jsonBomb(chance, FILE)]])
      if (!chance.oneIn(200)) return LINES.harm(files, chance)
      const count = 2 ** chance.between(6, 19)
      chance.note(`${FILE}: ${count} stop strings`)
      return new Map([[FILE, utf8(JSON.stringify({ stop_strings: new Array(count).fill('stop') }))]])
    },

    async read({ dir }) {
      const { temperature = 1, topP = 1, minP = 0, ...others } = await loadGenerationDefaults(dir)
      const { maxTokens = 1, stop = [], eosTokens = [] } = others
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
/** Some of these keys in one line. */
const LINES = jsonLines(FILE, (chance) => [Object.fromEntries(Object.entries(ALL).filter(() => !chance.oneIn(3)))])
