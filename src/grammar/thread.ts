import { UserError } from '../errors.js'
import { openMailbox, threadData } from '../platform/threads.js'
import { followText } from './follow-text.js'
import { GuideWriter } from './guide-memory.js'
import { Preparation } from './prepare.js'
import type { GuideThreadData, OpenReply, OpenRequest } from './protocol.js'
import type { GuideHost, Phase } from './run/stage.js'
import { Vocabulary } from './run/vocabulary.js'
import { GrammarAborted } from './run/xgrammar.js'

/*
 * The thread of a model's guides: prepares their grammars, and answers the engine's tokens with the limits of the next.
 */

const PULSE_MS = 200

const { vocabulary: data, pulse } = threadData() as GuideThreadData
const vocabulary = new Vocabulary(data)
const preparation = new Preparation(vocabulary)
const mailbox = openMailbox<OpenRequest, OpenReply>()
setInterval(() => Atomics.add(pulse, 0, 1), PULSE_MS)

let opening = Promise.resolve()
mailbox.listen((request) => {
  // One after the other, so that each grammar's errors are its own.
  opening = opening.then(() => open(request))
})

async function open({ id, phases, eos, memory }: OpenRequest): Promise<void> {
  try {
    const prepared = await preparation.phases(JSON.parse(phases))
    mailbox.post({ id })
    const host: GuideHost = { vocabulary, eos, xgrammar: await preparation.xgrammar(), matchers: new Set() }
    void follow(host, prepared, new GuideWriter(memory))
  } catch (error) {
    mailbox.post({ id, error: messageOf(error), isWorn: error instanceof GrammarAborted })
  }
}

async function follow(host: GuideHost, phases: readonly Phase[], writer: GuideWriter): Promise<void> {
  try {
    await followText(host, phases, writer)
  } catch (error) {
    writer.answer({ kind: 'failed', message: messageOf(error) })
  } finally {
    for (const matcher of host.matchers) matcher.dispose()
  }
}

function messageOf(error: unknown): string {
  if (error instanceof UserError) return error.message
  return `the guide of the text failed: ${error instanceof Error ? error.message : String(error)}`
}
