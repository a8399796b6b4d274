import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertQuick } from './beside-health.js'
import { hostileBodies } from './hostile-bodies.js'
import { sharedNano } from './served.js'

const test = suite('hostile bodies of all kinds and sizes')

test.after(() => sharedNano.release())

// The first size has the maximum number of values, so that every check runs on them.
for (const bytes of [700_000, 4 * 2 ** 20]) {
  test(`a body of ${bytes} bytes is refused or answered quickly, and others are answered meanwhile`, async () => {
    const { url } = await sharedNano.get()
    for (const body of hostileBodies(bytes)) {
      assert.ok(Buffer.byteLength(body.text) <= bytes, body.name)
      await assertQuick(url, body)
    }
  })
}

test.run()
