import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { commonPrefix } from '../../ground/common-prefix.js'
import { sequencesAtOnce, withOwnSignal } from '../../insight/texts/reading.js'

/** Maximum items under way at once: their choices, a few tokens each, then fill a micro-batch. */
const MOST_ITEMS = 32

/** Minimum tokens of a common beginning: with fewer, sharing it between sessions does not pay. */
const WORTH_SHARING = 16

/** Tokens of a context, and of each choice that follows it. */
export interface EncodedItem {
  context: number[]
  continuations: number[][]
}

/**
 * Computes the log-likelihood of each choice of each item. Several sessions work side by side, each on a run of
 * neighbouring items, since neighbours often share much of their contexts. Calls `onDone` with the number of items that
 * are done.
 */
export function scoreItems(
  model: Model,
  items: readonly EncodedItem[],
  { onDone, signal: callers }: { onDone: (items: number) => void; signal?: AbortSignal },
): Promise<number[][]> {
  return withOwnSignal(callers, async (signal) => {
    const longest = items.reduce((most, item) => Math.max(most, lengthOf(item)), 1)
    const count = Math.min(items.length, sequencesAtOnce(longest, MOST_ITEMS))
    const sums: number[][] = []
    let done = 0
    let failed = false
    const work = async (session: Session, index: number) => {
      const end = Math.floor(((index + 1) * items.length) / count)
      for (let i = Math.floor((index * items.length) / count); i < end && !failed; i++) {
        sums[i] = await scoreChoices(session, items[i], signal)
        onDone(++done)
      }
    }
    const start = count > 1 ? await commonStart(model, items, signal) : undefined
    const sessions: Session[] = []
    try {
      while (sessions.length < count) sessions.push((await start?.fork()) ?? model.createSession())
      const ends = await Promise.allSettled(
        sessions.map((session, index) =>
          work(session, index).catch((error) => {
            failed = true
            throw error
          }),
        ),
      )
      for (const end of ends) if (end.status === 'rejected') throw end.reason
      return sums
    } finally {
      for (const session of sessions) session.dispose()
      start?.dispose()
    }
  })
}

/** A session with the tokens that all contexts begin with; undefined if there are few. */
async function commonStart(
  model: Model,
  items: readonly EncodedItem[],
  signal?: AbortSignal,
): Promise<Session | undefined> {
  const [first] = items
  // The last token of a context runs with the choices.
  const length = items.reduce(
    (length, { context }) => commonPrefix(first.context, context, Math.min(length, context.length - 1)),
    first.context.length - 1,
  )
  if (length < WORTH_SHARING) return undefined
  const tokens = first.context.slice(0, length)
  const session = model.createSession()
  try {
    await session.forward(tokens, { logits: 'none', signal })
    return session
  } catch (error) {
    session.dispose()
    throw error
  }
}

/** Scores choices. The session keeps the tokens that the item shares with the last one, or its choices share. */
async function scoreChoices(
  session: Session,
  { context, continuations }: EncodedItem,
  signal: AbortSignal,
): Promise<number[]> {
  // The stem is the common beginning of all choices. It ends before the last token of the shortest, which is to be
  // predicted.
  const [first] = continuations
  const shortest = Math.min(...continuations.map(({ length }) => length))
  const common = continuations.reduce((length, tokens) => commonPrefix(first, tokens, length), shortest - 1)
  const stem = [...context, ...first.slice(0, common)]
  const kept = session.truncateToCommon(context)
  const targets = first.slice(0, common + 1)
  const { logits, logprobs = [], norms = [] } = await session.forward(stem.slice(kept), { targets, signal })
  // The tokens after the stem differ; one row of logits predicts them.
  const norm = norms[common]
  const shared = sum(logprobs.slice(0, common))
  // Sent off together; a session runs them one after the other.
  const rests = await Promise.all(
    continuations.map(async (tokens) => {
      if (tokens.length === common + 1) return []
      const options = { logits: 'none', targets: tokens.slice(common + 1), signal } as const
      session.truncate(stem.length)
      return (await session.forward(tokens.slice(common, -1), options)).logprobs ?? []
    }),
  )
  session.truncate(stem.length)
  return continuations.map((tokens, choice) => sum(rests[choice], shared + (logits[tokens[common]] - norm)))
}

function lengthOf({ context, continuations }: EncodedItem): number {
  return context.length + Math.max(...continuations.map(({ length }) => length))
}

/** Adds from left to right, so that a choice's sum does not depend on the tokens that it shares with others. */
function sum(values: ArrayLike<number>, before = 0): number {
  let total = before
  for (let i = 0; i < values.length; i++) total += values[i]
  return total
}
