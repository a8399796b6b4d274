import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { joinNames, keyword, messageText, option, phrase } from '#molm/ground/message.js'

const flagOf = (name: string) => (name === 'maxTokens' ? '--max-tokens' : undefined)

test("a message has the library's names, or an interface's own", () => {
  const message = phrase`${option('maxTokens')} is not ${option('topK')} or ${keyword('maxTokens')}; see \`maxTokens\` ${2}`
  assert.is(messageText(message), '`maxTokens` is not `topK` or `maxTokens`; see `maxTokens` 2')
  assert.is(messageText(message, flagOf), '--max-tokens is not `topK` or `maxTokens`; see `maxTokens` 2')
  assert.is(messageText(message, flagOf, '"'), '--max-tokens is not "topK" or "maxTokens"; see `maxTokens` 2')
})

test('an error keeps its options within other errors, and escapes what could control a terminal', () => {
  const names = joinNames([option('topK'), option('maxTokens')], ' and ')
  const inner = new UserError(phrase`give one of ${names}\u001b[2J`)
  const outer = new UserError(phrase`settings.json: ${inner}`)
  assert.is(outer.message, 'settings.json: give one of `topK` and `maxTokens`\\x1b[2J')
  assert.is(messageText(outer.phrase, flagOf), 'settings.json: give one of `topK` and --max-tokens\\x1b[2J')
})

test.run()
