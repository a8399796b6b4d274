import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inOrder } from '#molm/ground/in-order.js'
import { thrownBy } from '../support/rejects.js'

test('no more than `parallel` items are under way', async () => {
  let underWay = 0
  let most = 0
  const run = async (milliseconds: number) => {
    most = Math.max(most, ++underWay)
    await sleep(milliseconds)
    underWay--
    return milliseconds
  }
  const results: number[] = []
  for await (const result of inOrder([8, 1, 4, 0, 2], run, { parallel: 3 })) results.push(result)
  assert.equal(results, [8, 1, 4, 0, 2])
  assert.is(most, 3)
})

/** Work that lasts until the test finishes it. */
function workshop() {
  const finish = new Map<number, (failure?: Error) => void>()
  const work = (item: number) =>
    new Promise<number>((resolve, reject) =>
      finish.set(item, (failure) => (failure ? reject(failure) : resolve(10 * item))),
    )
  return { finish, work }
}

async function drain(results: AsyncIterable<number>, into: number[]): Promise<void> {
  for await (const result of results) into.push(result)
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

test('results come in the order of the items, each as soon as the earlier ones are there', async () => {
  const { finish, work } = workshop()
  const read: number[] = []
  const all = drain(inOrder(itemsUpTo(5), work, { parallel: 2, waiting: 2 }), read)
  await settled()
  assert.equal([...finish.keys()], [0, 1])
  finish.get(1)?.()
  await settled()
  assert.equal([...finish.keys()], [0, 1, 2])
  finish.get(2)?.()
  await settled()
  finish.get(3)?.()
  await settled()
  // Three results wait for the first: no more is begun.
  assert.equal([...finish.keys()], [0, 1, 2, 3])
  assert.equal(read, [])
  finish.get(0)?.()
  await settled()
  assert.equal(read, [0, 10, 20, 30])
  finish.get(4)?.()
  await all
  assert.equal(read, [0, 10, 20, 30, 40])
})

test('a result comes while the next item is still awaited', async () => {
  const read: number[] = []
  let more = () => {}
  async function* slow() {
    yield 1
    await new Promise<void>((resolve) => {
      more = resolve
    })
    yield 2
  }
  const all = drain(
    inOrder(slow(), async (item) => item, { parallel: 8, waiting: 8 }),
    read,
  )
  await settled()
  assert.equal(read, [1])
  more()
  await all
  assert.equal(read, [1, 2])
})

test('an error comes after the earlier results, once nothing is under way', async () => {
  const { finish, work } = workshop()
  const read: number[] = []
  async function* hanging() {
    yield* itemsUpTo(3)
    await new Promise(() => {})
  }
  const all = drain(inOrder(hanging(), work, { parallel: 3, waiting: 3 }), read)
  const outcome = all.then(
    () => 'done',
    (error: Error) => error.message,
  )
  await settled()
  finish.get(1)?.(new Error('broken'))
  await settled()
  finish.get(2)?.()
  finish.get(0)?.()
  assert.is(await outcome, 'broken')
  assert.equal(read, [0])
  assert.equal([...finish.keys()], [0, 1, 2])
})

test('no more is begun after the reader stops, and the work under way ends', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const work = async (item: number) => {
    begun.push(item)
    await settled()
    ended.push(item)
    return item
  }
  const reader = async () => {
    for await (const _ of inOrder(itemsUpTo(1000), work, { parallel: 2, waiting: 2 })) throw new Error('disk full')
  }
  assert.is(String(await thrownBy(reader())), 'Error: disk full')
  assert.ok(begun.length < 10, `${begun.length} items were begun`)
  assert.equal(ended, begun)
})

test('more items are begun while the reader is busy with a result', async () => {
  const { finish, work } = workshop()
  let letGo = () => {}
  const busy = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const read = async () => {
    for await (const _ of inOrder([0, 1, 2, 3], work, { parallel: 2, waiting: 2 })) await busy
  }
  const all = read()
  await settled()
  finish.get(0)?.()
  finish.get(1)?.()
  await settled()
  assert.equal([...finish.keys()], [0, 1, 2, 3])
  finish.get(2)?.()
  finish.get(3)?.()
  letGo()
  await all
})

test('an error of the items is thrown after the results of those before it', async () => {
  const read: number[] = []
  async function* broken() {
    yield* itemsUpTo(3)
    throw new Error('broken')
  }
  const all = drain(
    inOrder(broken(), async (item) => item, { parallel: 2 }),
    read,
  )
  assert.is(String(await thrownBy(all)), 'Error: broken')
  assert.equal(read, [0, 1, 2])
})

async function* itemsUpTo(count: number) {
  for (let i = 0; i < count; i++) yield i
}

test.run()
