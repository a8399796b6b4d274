import { readFileSync } from 'node:fs'
import vm from 'node:vm'
import { reasonOf } from '../text-files.js'
import { type Answer, ONCE, type OneQuestion, type Question } from './limited-process.js'

/**
 * Makes this process one that answers questions: `open` takes what it works with and gives what answers requests. Both
 * count as the time of the first request.
 */
export function answerQuestions<Opening, Request>(open: (opening: Opening) => (request: Request) => unknown): void {
  if (process.argv.includes(ONCE)) {
    const { opening, request, milliseconds }: OneQuestion = JSON.parse(readFileSync(0, 'utf8'))
    const answer = within(milliseconds, () => open(opening as Opening)(request as Request))
    process.stdout.write(JSON.stringify(answer))
    return
  }
  // The one who asks says when it is over; the terminal's Ctrl-C is for that one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  process.on('disconnect', () => process.exit())
  let opening: Opening
  let answer: ((request: Request) => unknown) | undefined
  process.on('message', (question: Question) => {
    if ('opening' in question) {
      opening = question.opening as Opening
      return reply({ isReady: true })
    }
    const { request, milliseconds } = question
    reply(
      within(milliseconds, () => {
        answer ??= open(opening)
        return answer(request as Request)
      }),
    )
  })
}

function reply(answer: Answer): void {
  process.send?.(answer)
}

/** Ends the work by itself after its time, even if the one who asked is no longer there to end it. */
function within(milliseconds: number, work: () => unknown): Answer {
  try {
    return { value: vm.runInNewContext('work()', { work }, { timeout: milliseconds }) }
  } catch (error) {
    const isOver = Object(error).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    return isOver ? { isTooMuch: true } : { error: reasonOf(error) }
  }
}
