import { readFileSync } from 'node:fs'
import vm from 'node:vm'
import { reasonOf } from '../text-files.js'
import { type Answer, ONCE, type OneQuestion, type Question, START_MS } from './limited-process.js'

/** Makes this process one that answers questions: `open` prepares the opening and returns what answers requests. */
export function answerQuestions<Opening, Request>(open: (opening: Opening) => (request: Request) => unknown): void {
  if (process.argv.includes(ONCE)) {
    const { opening, request, milliseconds }: OneQuestion = JSON.parse(readFileSync(0, 'utf8'))
    const { opened, ask } = prepare(open, opening as Opening)
    process.stdout.write(JSON.stringify('isReady' in opened ? ask(request as Request, milliseconds) : opened))
    return
  }
  // The caller ends this process; Ctrl-C in the terminal is for the caller.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  process.on('disconnect', () => process.exit())
  let ask: ReturnType<typeof prepare<Opening, Request>>['ask'] | undefined
  process.on('message', (question: Question) => {
    if ('opening' in question) {
      const prepared = prepare(open, question.opening as Opening)
      ask = prepared.ask
      reply(prepared.opened)
    } else if (ask) reply(ask(question.request as Request, question.milliseconds))
  })
}

/** Prepares an opening: whether that succeeded, and a function that answers requests if so. */
function prepare<Opening, Request>(open: (opening: Opening) => (request: Request) => unknown, opening: Opening) {
  let answer: (request: Request) => unknown = () => undefined
  const result = within(START_MS, () => {
    answer = open(opening)
  })
  const opened: Answer = 'value' in result ? { isReady: true } : result
  const ask = (request: Request, milliseconds: number) => within(milliseconds, () => answer(request))
  return { opened, ask }
}

function reply(answer: Answer): void {
  process.send?.(answer)
}

/** Runs `work` and ends it after its time, even if the caller is no longer there to end it. */
function within(milliseconds: number, work: () => unknown): Answer {
  try {
    return { value: vm.runInNewContext('work()', { work }, { timeout: milliseconds }) }
  } catch (error) {
    const isOver = Object(error).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    return isOver ? { exceeded: milliseconds } : { error: reasonOf(error) }
  }
}
