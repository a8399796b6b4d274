import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { integers } from '../support/random.js'
import { thrownBy } from '../support/rejects.js'
import { post, send, serverFor, sharedNano, until } from './served.js'

/* Clients that leave while their prompt is read, and ask again. */

const COMPLETIONS = '/v1/completions'
/** Some more micro-batches than the engine runs until it learns that a client has left. */
const PROMPT = integers(3000, 91, 4000)
const SETTINGS = { temperature: 0, max_tokens: 4 }
const served = serverFor(test, sharedNano)

/** Asks in a stream, and leaves when `place` tokens have been read. Resolves with the number in the last report. */
async function leaveAt(place: number): Promise<number> {
  const controller = new AbortController()
  const body = { ...SETTINGS, prompt: PROMPT, stream: true, return_progress: true }
  const response = await send(served.url, COMPLETIONS, body, controller)
  let read = 0
  const reading = async () => {
    let text = ''
    for await (const piece of response.body ?? []) {
      text += Buffer.from(piece).toString()
      for (const [, processed] of text.matchAll(/"processed":(\d+)/g)) read = Number(processed)
      if (read >= place) controller.abort(new Error('left'))
    }
  }
  assert.match(String(await thrownBy(reading())), /left/)
  await until(async () => (await served.model.stats()).sequencesRunning === 0)
  return read
}

test('a prompt that was cut in the middle and is sent again continues there, with the same answer', async () => {
  const read = await leaveAt(256)
  const { body } = await post(served.url, COMPLETIONS, { ...SETTINGS, prompt: PROMPT })
  const { cached_tokens: cached } = body.usage.prompt_tokens_details
  assert.ok(cached >= read && cached < PROMPT.length, `${cached} cached tokens, ${read} were read`)
  const session = served.model.createSession()
  const { text } = await resultOf(session.generate(PROMPT, { temperature: 0, maxTokens: 4 }))
  assert.is(body.choices[0].text, text)
  session.dispose()
})

test.run()
