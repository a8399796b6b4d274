import { UserError } from '../errors.js'
import { openMailbox, threadData } from '../platform/threads.js'
import { followText } from './follow-text.js'
import { GuideWriter } from './guide-memory.js'
import { Preparation } from './prepare.js'
import type { GuideThreadData, OpenReply, OpenRequest } from './protocol.js'
import type { GuideHost, Phase } from './run/stage.js'
import { Vocabulary } from './run/vocabulary.js'

/*
 * The thread of a model's guides: prepares their grammars, and answers the engine's tokens with the limits of the next.
 */

const PULSE_MS = 200

const { vocabulary: data, pulse } = threadData() as GuideThreadData
const vocabulary = new Vocabulary(data)
const preparation = new Preparation(
  vocabulary,
  data.specials.map(([, text]) => text),
)
const mailbox = openMailbox<OpenRequest, OpenReply>()
setInterval(() => Atomics.add(pulse, 0, 1), PULSE_MS)

mailbox.listen(({ id, phases, eos, memory }) => {
  try {
    const prepared = preparation.phases(JSON.parse(phases))
    mailbox.post({ id })
    void follow({ vocabulary, eos }, prepared, new GuideWriter(memory))
  } catch (error) {
    mailbox.post({ id, error: messageOf(error) })
  }
})

async function follow(host: GuideHost, phases: readonly Phase[], writer: GuideWriter): Promise<void> {
  try {
    await followText(host, phases, writer)
  } catch (error) {
    writer.answer({ kind: 'failed', message: messageOf(error) })
  }
}

function messageOf(error: unknown): string {
  if (error instanceof UserError) return error.message
  return `the guide of the text failed: ${error instanceof Error ? error.message : String(error)}`
}
