import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { LimitedProcess } from '#molm/text/sandbox/limited-process.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { until } from '../support/until.js'
import type { Work } from './limited-script.js'

const MILLISECONDS = 500
const ENDED = /^ended, since it took more than 0\.5 s or 64 MiB$/
const NOT_OPENED = /^ended, since it took more than 5 s or 64 MiB$/
const onLinux = process.platform === 'linux' ? test : test.skip

const processOf = (opening: Work, openingMs?: number) =>
  new LimitedProcess(new URL('./limited-script.js', import.meta.url), opening, 64, openingMs)
const startAgain = () => {
  throw new Error('started again')
}
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
  // Longer than the limit, and far below four times as much: this machine may be busy, too.
  assert.is(await ask(processOf({}), { waits: 1.3 * MILLISECONDS }), 'done')
  assert.is(processOf({}).askAsleep({ waits: 1.3 * MILLISECONDS }, MILLISECONDS), 'done')
})

test('a request that waits for several times its limit is ended', async () => {
  await rejectsWithUserError(() => ask(processOf({}), { waits: 60_000 }), ENDED)
})

test('an opening that fails is the error of each request, and is not tried again', async () => {
  const openings: [Work, RegExp][] = [
    [{ fails: 'no such definition' }, /^no such definition$/],
    [{ allocates: 2 ** 30 }, NOT_OPENED],
  ]
  for (const [opening, message] of openings) {
    const [asked, asleep] = [processOf(opening), processOf(opening)]
    await rejectsWithUserError(() => ask(asked, {}), message)
    await rejectsWithUserError(async () => asleep.askAsleep({}, MILLISECONDS), message)
    for (const limited of [asked, asleep]) {
      limited.start = startAgain
      await rejectsWithUserError(() => ask(limited, {}), message)
    }
  }
})

onLinux('an opening that computes too long is ended for good, also before anything is asked', async () => {
  // A busy machine may end it by its waits, which does not count for good.
  await until(async () => {
    const limited = processOf({ computes: 60_000 }, MILLISECONDS)
    const child = limited.start()
    await rejectsWithUserError(() => ask(limited, {}), ENDED)
    assert.ok(child.killed)
    limited.start = startAgain
    const again = await thrownBy(ask(limited, {}))
    if (again instanceof UserError) assert.match(again.message, ENDED)
    else assert.match(String(again), /started again/)
    return again instanceof UserError
  }, 'an opening that is ended for good')
})

onLinux('a process that is killed while it opens is started again', async () => {
  const limited = processOf({ waits: 2 * MILLISECONDS })
  const child = limited.start()
  child.once('message', () => child.kill('SIGKILL'))
  await rejectsWithUserError(() => ask(limited, {}), NOT_OPENED)
  assert.is(await ask(limited, {}), 'done')
})

test.run()
