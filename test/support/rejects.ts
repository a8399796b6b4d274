import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'

/** Error that a piece of work rejects with; undefined if it does not reject. */
export const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/**
 * Checks that `run` throws or rejects with a UserError of one or two lines that match `pattern`. Resolves with the
 * message.
 */
export async function rejectsWithUserError(run: () => unknown, pattern: RegExp): Promise<string> {
  const thrown = await thrownBy((async () => run())())
  assert.instance(thrown, UserError)
  const { message } = thrown as UserError
  assert.match(message, pattern)
  assert.ok(message.split('\n').length <= 2, `too many lines: ${message}`)
  return message
}
