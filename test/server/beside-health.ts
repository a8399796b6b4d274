import * as assert from 'uvu/assert'
import { ownTime } from '../support/own-time.js'
import type { HostileBody } from './hostile-bodies.js'
import { get, post } from './served.js'

/*
 * Milliseconds, for a busy machine; the script has the bounds of an idle one. Such bodies once blocked all others for 4
 * seconds to minutes. Encoding a long text takes a second or two, in turns with others.
 */
export const [MOST_WAIT, MOST_TIME] = [5_000, 15_000]

/**
 * Waits for an answer while it requests /health all the time. Returns the longest time between two answers of /health, in
 * milliseconds. Pauses count, since a blocked server ends them late.
 */
export async function longestBeside(url: string, answer: Promise<unknown>): Promise<number> {
  let isOver = false
  const end = answer.finally(() => {
    isOver = true
  })
  let longest = 0
  while (!isOver) {
    const since = ownTime()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.is((await get(url, '/health')).body.status, 'ok')
    longest = Math.max(longest, ownTime() - since)
  }
  await end
  return longest
}

/** Checks that a body is answered as expected and soon, and that others are answered meanwhile. */
export async function assertQuick(url: string, { name, path, text, status }: HostileBody): Promise<void> {
  const started = ownTime()
  const answer = post(url, path, text)
  const longest = await longestBeside(url, answer)
  const took = ownTime() - started
  const { status: got, body } = await answer
  const said = JSON.stringify(body).slice(0, 300)
  assert.is(got, status, `${name}: ${said}`)
  assert.ok(longest < MOST_WAIT, `${name}: others waited ${longest} ms`)
  // The rest of an answer takes as long as its tokens do.
  if (got === 200) return
  assert.ok(took < MOST_TIME, `${name}: ${took} ms`)
  assert.ok((body.error.message ?? body.error).length < 400, `${name}: ${said}`)
}
