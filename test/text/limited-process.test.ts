import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LimitedProcess } from '#molm/text/limited/limited-process.js'
import { rejectsWithUserError } from '../support/rejects.js'
import type { Work } from './limited-script.js'

const MILLISECONDS = 500
const ENDED = /^ended, since it took more than 0\.5 s or 64 MiB$/
const onLinux = process.platform === 'linux' ? test : test.skip

const processOf = (opening: Work) => new LimitedProcess(new URL('./limited-script.js', import.meta.url), opening, 64)
const ask = (process: LimitedProcess, work: Work) => process.ask(work, { milliseconds: MILLISECONDS })

test('the time of a request begins when the process has read its opening', async () => {
  const process = processOf({ waits: 2 * MILLISECONDS })
  assert.is(await ask(process, {}), 'done')
  assert.is(processOf({ waits: 2 * MILLISECONDS }).askAsleep({}, MILLISECONDS), 'done')
})

test('a request that computes too long is ended, and the next one gets a new process', async () => {
  const process = processOf({})
  await rejectsWithUserError(() => ask(process, { computes: 60_000 }), ENDED)
  assert.is(await ask(process, {}), 'done')
  await rejectsWithUserError(async () => process.askAsleep({ computes: 60_000 }, MILLISECONDS), ENDED)
})

onLinux('a request that waits for its turn on a busy machine is not ended', async () => {
  assert.is(await ask(processOf({}), { waits: 2 * MILLISECONDS }), 'done')
})

test('a request that waits for several times its limit is ended', async () => {
  await rejectsWithUserError(() => ask(processOf({}), { waits: 60_000 }), ENDED)
})

test('an opening that fails is the error of each request', async () => {
  const process = processOf({ fails: 'no such definition' })
  for (let i = 0; i < 2; i++) await rejectsWithUserError(() => ask(process, {}), /^no such definition$/)
  await rejectsWithUserError(async () => process.askAsleep({}, MILLISECONDS), /^no such definition$/)
})

test.run()
