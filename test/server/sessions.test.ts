import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Session } from '#molm/index.js'
import { Sessions } from '#molm/server/sessions.js'

const test = suite('kept sessions')

/** A session of so many tokens, which counts who lives. */
function factory() {
  const live = new Set<FakeSession>()
  class FakeSession {
    constructor(public length = 0) {
      live.add(this)
    }
    truncate(length: number) {
      this.length = Math.min(this.length, length)
    }
    dispose() {
      live.delete(this)
    }
  }
  return { live, createSession: () => new FakeSession() as unknown as Session }
}

function used(sessions: Sessions, tokens: number[]) {
  const held = sessions.take(tokens, true)
  Object.assign(held.session, { length: tokens.length })
  held.tokens.push(...tokens)
  sessions.give(held)
}

test('a prompt gets the session that begins most like it, cut to that, and one token is left to run', () => {
  const sessions = new Sessions(factory(), { keptSequences: 4, keptTokens: 100 })
  used(sessions, [1, 2, 3, 4])
  used(sessions, [1, 2, 9])
  const held = sessions.take([1, 2, 3, 7], false)
  assert.is(held.cached, 3)
  assert.is(held.session.length, 3)
  assert.equal(held.tokens, [1, 2, 3])
  assert.is(sessions.take([1, 2, 9], false).cached, 2)
  assert.is(sessions.take([1], false).cached, 0)
})

test('a prompt that is to be run whole gets a new one', () => {
  const sessions = new Sessions(factory(), { keptSequences: 4, keptTokens: 100 })
  used(sessions, [1, 2, 3])
  assert.is(sessions.take([1, 2, 3], true).cached, 0)
  assert.is(sessions.kept.sequences, 1)
})

test('no more are kept than may be, those used longest ago go first, and none that is empty or unknown', () => {
  const { live, createSession } = factory()
  const sessions = new Sessions({ createSession }, { keptSequences: 2, keptTokens: 10 })
  used(sessions, [1, 1])
  used(sessions, [2, 2])
  used(sessions, [3, 3])
  assert.equal(sessions.kept, { sequences: 2, tokens: 4 })
  assert.is(sessions.take([1, 1, 1], false).cached, 0)
  used(sessions, [4, 4, 4, 4, 4, 4, 4, 4, 4])
  assert.equal(sessions.kept, { sequences: 1, tokens: 9 })
  sessions.give(sessions.take([], true))
  const unknown = sessions.take([], true)
  Object.assign(unknown.session, { length: 3 })
  sessions.give(unknown)
  assert.is(sessions.kept.sequences, 1)
  assert.ok(sessions.drop())
  assert.not.ok(sessions.drop())
  // The one that was taken and not given back.
  assert.is(live.size, 1)
})

test.run()
