import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GenerationDefaults } from '#molm/api/text.js'
import { loadGenerationDefaults } from '#molm/text/generation-config.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inFolderOf, NANO } from './folders.js'

function load(config: unknown): Promise<GenerationDefaults> {
  return inFolderOf({ 'generation_config.json': config }, loadGenerationDefaults)
}

test("reads nano's defaults", async () => {
  assert.equal(await loadGenerationDefaults(NANO), {
    temperature: 0.2,
    topK: 40,
    topP: 0.95,
    maxTokens: 512,
    stop: ['\nUser:', '\nTool:'],
    eosTokens: [4095],
    bosToken: 4095,
  })
})

test('has no defaults without the file, for null and for other keys', async () => {
  assert.equal(await inFolderOf({}, loadGenerationDefaults), {})
  assert.equal(await load({ temperature: null, eos_token_id: null, transformers_version: '4.40.0' }), {})
})

test('takes every key it knows', async () => {
  const config = { min_p: 0.1, repetition_penalty: 1.1, eos_token_id: [1, 2], stop_strings: 'END', top_k: 0 }
  assert.equal(await load(config), { topK: 0, minP: 0.1, repeatPenalty: 1.1, stop: ['END'], eosTokens: [1, 2] })
})

test('do_sample: false means greedy, whatever the temperature', async () => {
  assert.is((await load({ do_sample: false, temperature: 0.7 })).temperature, 0)
  assert.is((await load({ do_sample: true, temperature: 0.7 })).temperature, 0.7)
  assert.is((await load({ temperature: 0.7 })).temperature, 0.7)
})

test('an impossible value is named with its file and key', async () => {
  const bad: [string, unknown][] = [
    ['temperature', -1],
    ['top_k', 1.5],
    ['top_p', 2],
    ['min_p', '0.1'],
    ['repetition_penalty', 0],
    ['do_sample', 'no'],
    ['max_new_tokens', 0],
    ['stop_strings', ['a', '']],
    ['eos_token_id', [1, -2]],
    ['bos_token_id', '1'],
  ]
  for (const [key, value] of bad) {
    const said = JSON.stringify(value).replace(/[[\]]/g, '\\$&')
    const message = new RegExp(`generation_config\\.json: ${key} must be .*, not ${said}$`)
    await rejectsWithUserError(() => load({ [key]: value }), message)
  }
})

test('more stop strings than can be looked for are refused', async () => {
  const stop = (count: number) => load({ stop_strings: new Array(count).fill('x') })
  assert.is((await stop(1000)).stop?.length, 1000)
  await rejectsWithUserError(() => stop(200_000), /stop_strings must be a text or a list of at most 1000 texts/)
})

test.run()
