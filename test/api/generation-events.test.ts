import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventsOf, resultOf } from '#molm/index.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('events of a generation')

/** Yields three steps. Adds an entry to `log` when it ends in any way. */
async function* generation(log: string[] = [], error?: Error) {
  try {
    for (const index of [0, 1, 2]) yield { index }
    if (error) throw error
    return { text: 'all' }
  } finally {
    log.push('ended')
  }
}

test('are its steps and then its result', async () => {
  const log: string[] = []
  const events: unknown[] = []
  for await (const event of eventsOf(generation(log))) events.push(event)
  assert.equal(events, [
    { step: { index: 0 } },
    { step: { index: 1 } },
    { step: { index: 2 } },
    { result: { text: 'all' } },
  ])
  assert.equal(log, ['ended'])
  assert.equal(await resultOf(generation()), { text: 'all' })
})

test('a reader that leaves early ends the generation', async () => {
  const log: string[] = []
  for await (const { step } of eventsOf(generation(log))) if (step?.index === 1) break
  assert.equal(log, ['ended'])
})

test('an error reaches the reader', async () => {
  const error = new Error('broken')
  const read = async () => {
    for await (const _ of eventsOf(generation([], error)));
  }
  assert.is(await thrownBy(read()), error)
  assert.is(await thrownBy(resultOf(generation([], error))), error)
})

test.run()
