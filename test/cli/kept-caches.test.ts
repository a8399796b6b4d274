import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keptCacheBytes } from '#molm/cli/parsing/keeping-options.js'

test('$MOLM_CACHE_SIZE limits the caches beside conversations, and 0 keeps none', () => {
  assert.is(keptCacheBytes({}), 4 * 2 ** 30)
  assert.is(keptCacheBytes({ MOLM_CACHE_SIZE: '1GiB' }), 2 ** 30)
  assert.is(keptCacheBytes({ MOLM_CACHE_SIZE: '0' }), 0)
  assert.throws(() => keptCacheBytes({ MOLM_CACHE_SIZE: 'much' }), /MOLM_CACHE_SIZE must be a size like 4GiB.*'much'/)
})

test.run()
