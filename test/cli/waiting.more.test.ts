import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ended, startMolm } from './molm.js'

/** Started before the tests, since its note about waiting takes seconds. */
const waiting = startMolm(['x'])

test('a command that waits for stdin says so after a while, and Ctrl-C ends it', async () => {
  const end = ended(waiting)
  waiting.stderr.once('data', () => waiting.kill('SIGINT'))
  const { code, stderr } = await end
  assert.is(code, 130)
  assert.match(stderr, /^molm: waiting for text on stdin .*\n$/)
})

test.run()
