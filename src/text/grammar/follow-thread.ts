import { openMailbox, threadData } from '../../ground/platform/threads.js'
import { GUIDE_LIMITS } from './guide-limits.js'
import { GuideWriter, MOST_FORCED } from './guide-memory.js'
import { GuideTurns } from './guide-turns.js'
import { PreparedPhases } from './prepared-phases.js'
import type { FollowReply, FollowRequest, FollowThreadData, GuideText } from './protocol.js'
import { Route } from './run/route.js'
import { Vocabulary } from './run/vocabulary.js'
import { failureOf, MarkedWork } from './work-marks.js'

/*
 * A thread that follows guides: answers the engine's tokens with the limits of the next.
 */

const { vocabulary: data, marks } = threadData() as FollowThreadData
const vocabulary = new Vocabulary(data)
const prepared = new PreparedPhases(vocabulary)
const marked = new MarkedWork(marks)
const turns = new GuideTurns()
const writers = new Map<number, GuideWriter>()
const mailbox = openMailbox<FollowRequest, FollowReply>()
// Here its time counts as no guide's.
void vocabulary.tree

mailbox.listen((request) => {
  const { id } = request
  if (request.kind === 'follow') {
    void follow(id, request)
    return
  }
  writers.get(id)?.leave()
  writers.delete(id)
  mailbox.post({ kind: 'left', id })
})

/** Gives the engine the limits of each token of a text, until the text is complete or the guide is closed. */
async function follow(id: number, { phases, grammars, eos, memory }: GuideText): Promise<void> {
  const writer = new GuideWriter(memory)
  let spent = 0
  const computing = {
    get debt() {
      return spent - GUIDE_LIMITS.tokenMs * writer.heard
    },
  }
  async function work<T>(compute: () => T): Promise<T> {
    await turns.turn(computing)
    const begun = performance.now()
    try {
      return marked.run(id, compute)
    } finally {
      spent += performance.now() - begun
    }
  }
  writers.set(id, writer)
  try {
    const route = await work(() => Route.begin({ vocabulary, eos }, prepared.phases(JSON.parse(phases), grammars)))
    while (!writer.isClosed) {
      while (await work(() => !writer.isClosed && route.lookOn(MOST_FORCED)));
      const limits = await work(() => route.limits())
      if (writer.isClosed) return
      writer.answer(limits)
      if (writer.heard === 0) mailbox.post({ kind: 'begun', id })
      if (limits.kind === 'done') return
      const token = await writer.heardToken()
      if (writer.isClosed) return
      await work(() => {
        const taken = limits.kind === 'forced' ? limits.tokens.slice(0, MOST_FORCED) : [token as number]
        for (const one of taken) route.take(one)
      })
    }
  } catch (error) {
    const message = failureOf(error, 'the guide of the text failed')
    writer.answer({ kind: 'failed', message })
    mailbox.post({ kind: 'begun', id, error: message })
  } finally {
    if (writers.get(id) === writer) writers.delete(id)
  }
}
