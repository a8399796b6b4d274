import vm from 'node:vm'
import { reasonOf } from '../../ground/printable.js'
import { type Answer, MOST_WAITS, OPENING_MS, type Question, type Reply } from './opening.js'

/** Lets this process answer questions: `open` prepares the opening and returns the function that answers requests. */
export function answerQuestions<Opening, Request>(open: (opening: Opening) => (request: Request) => unknown): void {
  // Ctrl-C in the terminal is for the caller, which ends this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  process.on('disconnect', () => process.exit())
  let answer: (request: Request) => unknown = () => undefined
  const prepare = (opening: Opening) => {
    const opened = within(OPENING_MS * MOST_WAITS, () => {
      answer = open(opening)
    })
    reply('value' in opened ? { isReady: true } : opened)
  }
  process.on('message', (question: Question) => {
    if ('opening' in question) reply({ isStarted: true }, () => prepare(question.opening as Opening))
    else reply(within(question.milliseconds, () => answer(question.request as Request)))
  })
}

function reply(message: Reply, whenSent = () => {}): void {
  process.send?.(message, whenSent)
}

/** Runs `work` within its time, even if the caller is gone and cannot end it. */
function within(milliseconds: number, work: () => unknown): Answer {
  try {
    return { value: vm.runInNewContext('work()', { work }, { timeout: milliseconds }) }
  } catch (error) {
    const isOver = Object(error).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    return isOver ? { exceeded: milliseconds } : { error: reasonOf(error) }
  }
}
