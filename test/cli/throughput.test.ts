import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Throughput } from '#molm/cli/io/throughput.js'

test('throughput is measured over the last seconds', () => {
  let now = 0
  const throughput = new Throughput(() => now)
  assert.is(throughput.perSecond, undefined)
  for (let i = 0; i <= 10; i++, now += 1000) throughput.add(i * 100)
  assert.is(throughput.perSecond, 100)
  for (let i = 0; i < 10; i++, now += 1000) throughput.add(1000)
  assert.is(throughput.perSecond, 0)
})

test.run()
