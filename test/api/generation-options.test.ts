import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkOptions, GENERATION_OPTIONS, OPTION_NAMES, settle, UNFILTERED } from '#molm/api/generation-options.js'
import { UsageError } from '#molm/ground/errors.js'
import { repositoryPath } from '../support/fixtures.js'

function refusal(options: object): string {
  try {
    checkOptions(options)
  } catch (error) {
    assert.instance(error, UsageError)
    return (error as UsageError).message
  }
  return assert.unreachable(`accepted ${JSON.stringify(options)}`) as never
}

test('an error has the option’s name in the library and its range', () => {
  assert.is(refusal({ topP: 2 }), '`topP` must be between 0 and 1, not 2')
  assert.match(refusal({ temperature: -0.1 }), /^`temperature` must be .*, not -0.1$/)
  assert.match(refusal({ topK: 1.5 }), /^`topK` must be an integer/)
  assert.match(refusal({ topK: -1 }), /^`topK` /)
  assert.match(refusal({ minP: 1.01 }), /^`minP` must be between 0 and 1/)
  assert.match(refusal({ repeatPenalty: 0 }), /^`repeatPenalty` must be a number above 0/)
  assert.match(refusal({ seed: -1 }), /^`seed` must be an integer/)
  assert.match(refusal({ seed: 2 ** 53 }), /^`seed` /)
  assert.is(refusal({ maxTokens: -1 }), '`maxTokens` must be a whole number from 0 on, not -1')
  assert.is(refusal({ context: 0 }), '`context` must be a whole number from 1 on, not 0')
  assert.is(refusal({ stop: ['a', ''] }), '`stop` must be at most 1000 texts, none of them empty')
  assert.is(refusal({ stop: 'a' }), '`stop` must be at most 1000 texts, none of them empty, not "a"')
  assert.is(refusal({ ignoreEos: 1 }), '`ignoreEos` must be true or false, not 1')
})

test('refuses anything but finite numbers', () => {
  for (const name of OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].kind === 'number')) {
    for (const value of [Number.NaN, Infinity, -Infinity, '1', null, true]) refusal({ [name]: value })
  }
})

test('accepts the ends of every range, the defaults and absent options', () => {
  checkOptions({ temperature: 0, topK: 0, topP: 0, minP: 0, repeatPenalty: 1e-9, seed: 0, maxTokens: 0, context: 1 })
  checkOptions({ temperature: 100, topK: 1e6, topP: 1, minP: 1, repeatPenalty: 10, seed: Number.MAX_SAFE_INTEGER })
  checkOptions({ topP: undefined })
  checkOptions(settle())
})

test('an option comes from the first source that has it, else from its default', () => {
  const settings = settle({ topK: 3, minP: undefined }, { topK: 5, minP: 0.5 }, { seed: 7 })
  assert.equal([settings.topK, settings.minP, settings.seed, settings.maxTokens], [3, 0.5, 7, 256])
  assert.throws(() => settle({ topK: 3 }, { topP: 2 }), /`topP` must be between/)
  assert.equal(Object.keys(settle({ signal: 1 } as object)), OPTION_NAMES)
})

test('UNFILTERED replaces all that generation_config.json may say of a text, but for its length and drafts', () => {
  const said = OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].config)
  const replaced = said.filter((name) => name !== 'maxTokens' && name !== 'promptLookupNumTokens')
  assert.equal(Object.keys(UNFILTERED), replaced)
  checkOptions(UNFILTERED)
})

test('docs/SERVE.md has the defaults of the numbers of tokens', () => {
  const rows = readFileSync(repositoryPath('docs/SERVE.md'), 'utf8').split('\n')
  const defaultOf = (field: string) =>
    rows
      .find((row) => row.startsWith(`| \`${field}\` |`))
      ?.split('|')[3]
      .trim()
  assert.is(defaultOf('max_tokens'), `the model's, else ${GENERATION_OPTIONS.maxTokens.default}`)
  assert.is(defaultOf('prompt_lookup_num_tokens'), `${GENERATION_OPTIONS.promptLookupNumTokens.default}`)
})

test.run()
