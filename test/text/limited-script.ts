import { answerQuestions } from '#molm/text/sandbox/answer-questions.js'

/** Milliseconds of each kind of work. */
export interface Work {
  /** Waits without computing, like a process that a busy machine lets wait. */
  waits?: number
  computes?: number
  /** Bytes of memory that it fills. */
  allocates?: number
  fails?: string
}

// The script of a process that does the requested work, in its opening and in its requests.
answerQuestions((opening: Work) => {
  carryOut(opening)
  return carryOut
})

function carryOut({ waits = 0, computes = 0, allocates = 0, fails }: Work): string {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waits)
  const { user, system } = process.cpuUsage()
  while (computed() - user - system < 1000 * computes);
  const kept: number[][] = []
  for (let bytes = 0; bytes < allocates; bytes += 8 * 2 ** 16) kept.push(Array(2 ** 16).fill(0.5))
  if (fails !== undefined) throw new Error(fails)
  return 'done'
}

function computed(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
