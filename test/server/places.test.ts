import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ClientGone } from '#molm/server/common/api-error.js'
import type { Work } from '#molm/server/run/places.js'
import { Queue } from '#molm/server/run/queue.js'
import type { Slot, Ticket } from '#molm/server/run/ticket.js'
import { integers } from '../support/random.js'
import { thrownBy } from '../support/rejects.js'

/* Short sequences, and answers that may become long, while others have all long places. */
const test = suite('quick and trial places')

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A queue whose long places are taken, and the names of the sequences that have begun since. */
async function crowded(parallel: number) {
  const queue = new Queue({ parallel, waiting: 200, quickTokens: 80 })
  const long = await Promise.all(Array.from({ length: parallel }, () => queue.enter().slot(work(10_000, 1))))
  const begun: string[] = []
  const tickets = new Map<string, Ticket>()
  const slots = new Map<string, Slot>()
  const refused: unknown[] = []
  const ask = (name: string, one: Work, ticket = queue.enter()): Ticket => {
    ticket.slot(one).then(
      (slot) => {
        begun.push(name)
        slots.set(name, slot)
      },
      (error) => refused.push(error),
    )
    tickets.set(name, ticket)
    return ticket
  }
  const end = async (name: string) => {
    slots.get(name)?.release()
    tickets.get(name)?.leave()
    await turn()
  }
  return { queue, long, begun, slots, refused, ask, end }
}

/** A prompt and an answer of these numbers of tokens. */
function work(prompt: number, answer: number): Work {
  return { answer, unread: () => prompt }
}

test('the smallest short sequence comes first, and every fourth time the one that has waited longest', async () => {
  const { begun, ask, end } = await crowded(2)
  ask('first', work(5, 75))
  for (const size of [70, 60, 50, 40, 30, 20]) ask(String(size), work(size, 1))
  await turn()
  for (let i = 0; i < 6; i++) await end(begun[i])
  assert.equal(begun, ['first', '20', '30', '70', '40', '50', '60'])
})

test('the last quick place is for very short sequences, so that they do not wait for the others', async () => {
  const { begun, ask } = await crowded(4)
  for (let i = 0; i < 20; i++) ask(`short ${i}`, work(1, 79))
  await turn()
  assert.equal(begun, ['short 0'])
  ask('very short', work(9, 1))
  await turn()
  assert.equal(begun, ['short 0', 'very short'])
})

test('an answer that may become long runs at once, and waits in line only if it does', async () => {
  const { queue, long, begun, slots, ask, end } = await crowded(2)
  const early = queue.enter().slot(work(10_000, 1))
  ask('a', work(20, 30_000))
  ask('b', work(300, 30_000))
  ask('c', work(20, 30_000))
  await turn()
  assert.equal(begun, ['a'])
  assert.is(slots.get('a')?.answerTokens, 80)
  await end('a')
  // The smaller one comes before the earlier one.
  assert.equal(begun, ['a', 'c'])
  let goesOn = false
  slots
    .get('c')
    ?.resume()
    .then(() => {
      goesOn = true
    }, assert.unreachable)
  await turn()
  assert.equal(begun, ['a', 'c', 'b'])
  assert.equal(queue.counts, { running: 3, waiting: 2 })
  ask('behind', work(10_000, 1))
  long[0].release()
  await early
  assert.not.ok(goesOn)
  long[1].release()
  await turn()
  assert.ok(goesOn)
  assert.is(slots.get('c')?.answerTokens, Number.POSITIVE_INFINITY)
  await end('c')
  assert.is(begun.at(-1), 'behind')
})

test('a prompt that is too long for a trial place waits in line, unless most of it is in a cache', async () => {
  const { begun, ask } = await crowded(2)
  ask('long', work(321, 1))
  ask('kept', { answer: 500, unread: () => 1 })
  await turn()
  assert.equal(begun, ['kept'])
})

test('caches are searched once for a waiting sequence, and again before it runs', async () => {
  const { begun, ask, end } = await crowded(2)
  let lookUps = 0
  let kept = 9_000
  const unread = () => {
    lookUps++
    return 9_050 - kept
  }
  ask('first', work(10, 10))
  ask('other', work(10, 10))
  for (let i = 0; i < 50; i++) ask('waiting', { answer: 80, unread: () => 9_000 })
  ask('kept', { answer: 20, unread })
  await turn()
  assert.equal([begun, lookUps], [['first'], 1])
  await end('first')
  kept = 0
  await end('other')
  assert.equal([begun, lookUps], [['first', 'other'], 2])
})

test('a request with a running or pausing sequence gets no quick or trial place', async () => {
  const { begun, slots, refused, ask } = await crowded(4)
  const ticket = ask('one', work(20, 200))
  ask('two', work(20, 200), ticket)
  ask('short', work(1, 1), ticket)
  await turn()
  const waits = slots.get('one')?.resume() as Promise<void>
  await turn()
  assert.equal(begun, ['one'])
  // A pausing sequence ends when its client disconnects.
  const gone = thrownBy(waits)
  ticket.abort()
  assert.instance(await gone, ClientGone)
  assert.is(refused.length, 2)
  slots.get('one')?.release()
})

test('short sequences do not keep memory from the first in line if nothing else runs', async () => {
  const { queue, long, begun, ask, end } = await crowded(2)
  let isFree = false
  const first = queue.enter().slot({ ...work(10_000, 1), admit: () => isFree })
  ask('short', work(1, 10))
  ask('next', work(1, 10))
  ask('trial', work(1, 200))
  await turn()
  assert.equal(begun, ['short', 'trial'])
  for (const slot of long) slot.release()
  await end('short')
  // A trial place is free, too.
  assert.equal(begun, ['short', 'trial', 'next'])
  await end('trial')
  ask('late', work(1, 10))
  await turn()
  assert.is(begun.at(-1), 'next')
  isFree = true
  await end('next')
  await first
  assert.is(begun.at(-1), 'late')
})

test('any mix of sequences ends, within the memory and twice the places', async () => {
  for (const parallel of [1, 2, 3, 8]) {
    const memory = 1_200
    const queue = new Queue({ parallel, waiting: 200, quickTokens: 80 })
    let [taken, ended, most] = [0, 0, 0]
    const run = async (ticket: Ticket, prompt: number, answer: number, actual: number) => {
      let own = 0
      const admit = (kind: string) => {
        const room = prompt + Math.min(answer, 100)
        if (taken + room + (kind === 'trial' ? 200 : 0) > memory) return false
        taken += room
        own = room
        return true
      }
      const slot = await ticket.slot({ answer, unread: () => prompt, admit })
      for (let i = 0; i < actual; i += 20) {
        most = Math.max(most, queue.counts.running)
        assert.ok(taken <= memory)
        await turn()
        if (i >= slot.answerTokens) await slot.resume()
      }
      taken -= own
      slot.release()
      ended++
    }
    const numbers = integers(360, parallel, 1_000)
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const [size, length, share] = numbers.slice(3 * i, 3 * i + 3)
        const ticket = queue.enter()
        const answer = 1 + (length % 400)
        const runs = [0, 1].slice(0, 1 + (i % 2)).map(() => run(ticket, 1 + size, answer, (answer * share) / 1_000))
        await Promise.all(runs)
        ticket.leave()
      }),
    )
    assert.is(ended, 90)
    assert.is(taken, 0)
    assert.ok(most <= 2 * parallel, `${most} ran`)
    assert.equal(queue.counts, { running: 0, waiting: 0 })
  }
})

test.run()
