import { answerQuestions } from '#molm/text/limited/answer-questions.js'

/** Milliseconds of each kind of work. */
export interface Work {
  /** Waits without computing, as a process that gets no turn on a busy machine. */
  waits?: number
  computes?: number
  fails?: string
}

// The script of a process that works as it is asked to, in its opening and in its requests.
answerQuestions((opening: Work) => {
  carryOut(opening)
  return carryOut
})

function carryOut({ waits = 0, computes = 0, fails }: Work): string {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waits)
  const { user, system } = process.cpuUsage()
  while (computed() - user - system < 1000 * computes);
  if (fails !== undefined) throw new Error(fails)
  return 'done'
}

function computed(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
