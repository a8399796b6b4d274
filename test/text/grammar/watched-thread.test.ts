import { EventEmitter } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Thread } from '#molm/ground/platform/threads.js'
import { WatchedThread, workMarks } from '#molm/text/grammar/watched-thread.js'

test('the owner of a thread learns of its end once, even if Node cannot end it', async () => {
  const thread = Object.assign(new EventEmitter(), {
    threadId: 1,
    postMessage() {},
    ref() {},
    unref() {},
    terminate: () => new Promise(() => undefined),
  })
  let ends = 0
  const watched = new WatchedThread(thread as Thread, workMarks(), {
    received() {},
    working() {},
    ended: () => ends++,
  })
  void watched.end()
  await nextTurn()
  assert.is(ends, 1)
  thread.emit('exit')
  assert.is(ends, 1)
})

test.run()
