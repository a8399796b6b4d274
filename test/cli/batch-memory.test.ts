import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RetryAlone } from '#molm/cli/commands/run/batch/retry-alone.js'

const test = suite('lines that share a memory')

/** Jobs that end when the test ends them, and a log of their events. */
function bench() {
  const retryAlone = new RetryAlone()
  const events: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const run = (name: string) => {
    const work = () => {
      events.push(`${name} begins`)
      return new Promise<string>((resolve, reject) => {
        ends.set(name, (error) => (error ? reject(error) : resolve(name)))
      })
    }
    const running = retryAlone.run(work, (error) => (error as Error).message === 'no room')
    return running.catch(({ message }: Error) => message)
  }
  const end = async (name: string, error?: string) => {
    ends.get(name)?.(error ? new Error(error) : undefined)
    await settled()
  }
  return { events, run, end }
}

/** Resolves when all consequences have happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a job that fails for lack of room runs again after the others, and no other begins meanwhile', async () => {
  const { events, run, end } = bench()
  const works = ['a', 'b', 'c'].map(run)
  await settled()
  await end('b', 'no room')
  await end('c', 'no room')
  works.push(run('d'))
  await settled()
  assert.equal(events.splice(0), ['a begins', 'b begins', 'c begins'])
  await end('a')
  assert.equal(events.splice(0), ['b begins'])
  await end('b')
  assert.equal(events.splice(0), ['c begins'])
  await end('c', 'no room')
  assert.equal(events.splice(0), ['d begins'])
  await end('d')
  assert.equal(await Promise.all(works), ['a', 'b', 'no room', 'd'])
})

test('a job that ran alone, or fails for another reason, does not run again', async () => {
  const { events, run, end } = bench()
  const alone = run('a')
  await settled()
  await end('a', 'no room')
  assert.is(await alone, 'no room')
  const beside = ['b', 'c'].map(run)
  await settled()
  await end('b', 'damaged')
  await end('c')
  assert.equal(await Promise.all(beside), ['damaged', 'c'])
  assert.equal(events, ['a begins', 'b begins', 'c begins'])
})

test.run()
