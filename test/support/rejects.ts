import * as assert from 'uvu/assert'
import { UserError } from '#molm/errors.js'

/** Checks that `run` throws or rejects with a UserError of one or two lines that match `pattern`. */
export async function rejectsWithUserError(run: () => unknown, pattern: RegExp): Promise<void> {
  let thrown: unknown
  try {
    await run()
  } catch (error) {
    thrown = error
  }
  assert.instance(thrown, UserError)
  const { message } = thrown as UserError
  assert.match(message, pattern)
  assert.ok(message.split('\n').length <= 2, `too many lines: ${message}`)
}
