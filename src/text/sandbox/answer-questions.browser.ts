import { openMailbox } from '../../ground/platform/threads.js'
import { reasonOf } from '../../ground/printable.js'
import type { Answer, Question, Reply } from './opening.js'

/** Lets this worker answer questions. Who asks ends it at its limits of time. */
export function answerQuestions<Opening, Request>(open: (opening: Opening) => (request: Request) => unknown): void {
  const mailbox = openMailbox<Question, Reply>()
  let answer: (request: Request) => unknown = () => undefined
  mailbox.listen((question) => {
    if ('opening' in question) {
      mailbox.post({ isStarted: true })
      const opened = answerOf(() => {
        answer = open(question.opening as Opening)
      })
      mailbox.post('value' in opened ? { isReady: true } : opened)
    } else {
      mailbox.post(answerOf(() => answer(question.request as Request)))
    }
  })
}

function answerOf(work: () => unknown): Answer {
  try {
    return { value: work() }
  } catch (error) {
    return { error: reasonOf(error) }
  }
}
