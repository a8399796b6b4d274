import { NoRoom, UserError } from '../../ground/errors.js'
import { openMailbox } from '../../ground/platform/threads.js'
import { startHelpersAhead } from '../../kernels/threads/spawn-helpers.js'
import { Engine } from './engine.js'
import type { Credit, EngineData, FromEngine, SentRequest, Stop, ToEngine } from './messages/protocol.js'
import { Stopped } from './reading/demand.js'

/*
 * The engine's thread. Requests of one session run strictly in the order they come; requests of different sessions
 * share the model, micro-batch by micro-batch (scheduler.ts).
 */

/** Steps that a generation may run ahead of its reader without a credit. */
const FIRST_CREDIT = 32

const mailbox = openMailbox<ToEngine, FromEngine>()

/** Steps that each request may still send. */
const credits = new Map<number, number>()
/** The word of each request that stops it. */
const stops = new Map<number, Int32Array>()
/** Training requests that wait for the code of training; the loop pauses until it is imported. */
const early: SentRequest[] = []
let engine: Engine
let isWorking = false

mailbox.listen((message) => {
  if (message.kind === 'start') return start(message.data)
  accept(message)
  work()
})

async function start(data: EngineData): Promise<void> {
  try {
    startHelpersAhead(data.threads - 1)
    engine = await Engine.start(data)
    const { tierName: tier, compiler, warnings } = engine
    mailbox.post({ kind: 'ready', tier, compiler, warnings })
  } catch (error) {
    mailbox.post(failure(0, error))
  }
}

/** Works until all requests are done or wait. In a browser, messages come between the turns, and call it again. */
async function work(): Promise<void> {
  if (isWorking) return
  isWorking = true
  while (engine.scheduler.step(acceptWhatCame, () => early.length > 0)) {
    const turn = mailbox.turn()
    if (turn) await turn
  }
  isWorking = false
}

function acceptWhatCame(): void {
  for (let next = mailbox.take(); next; next = mailbox.take()) if (next.kind !== 'start') accept(next)
}

function accept(message: SentRequest | Credit | Stop): void {
  if (message.kind === 'credit') grant(message.id, message.steps)
  else if (message.kind === 'stop') stop(message.id)
  else if (!engine.isPrepared(message.kind)) beginPrepared(message)
  else begin(message)
}

/** Imports the code of a request, then begins it. Others that need code and come meanwhile follow in order. */
async function beginPrepared(call: SentRequest): Promise<void> {
  if (early.push(call) > 1) return
  try {
    for (let next: SentRequest | undefined = call; next; next = early[0]) {
      await engine.prepare(next.kind)
      early.shift()
      begin(next)
    }
  } catch (error) {
    for (const { id } of early.splice(0)) mailbox.post(failure(id, error))
  }
  work()
}

function grant(id: number, steps: number): void {
  const credit = credits.get(id)
  if (credit !== undefined) credits.set(id, credit + steps)
}

function stop(id: number): void {
  const word = stops.get(id)
  if (word) Atomics.store(word, 0, 1)
}

function begin(call: SentRequest): void {
  const { id, stop: word } = call
  credits.set(id, FIRST_CREDIT)
  stops.set(id, word)
  const task = engine.task(call, {
    stop: word,
    emit: (step) => {
      grant(id, -1)
      mailbox.post({ kind: 'step', id, step })
    },
    progress: (progress) => mailbox.post({ kind: 'progress', id, progress }),
  })
  const settle = (message: FromEngine, transfer?: ArrayBuffer[]) => {
    credits.delete(id)
    stops.delete(id)
    mailbox.post(message, transfer)
    if (call.kind === 'close') engine.close().then(() => mailbox.close())
  }
  engine.scheduler.add({
    lane: laneOf(call),
    task,
    stopped: () => Atomics.load(word, 0) !== 0,
    isWanted: () => (credits.get(id) ?? 0) > 0,
    done: (value) => settle({ kind: 'reply', id, value }, buffersOf(value)),
    failed: (error) => settle(failure(id, error)),
  })
}

/** Lane of requests that must not overlap: requests of a session, or of a kind that concerns the whole model. */
function laneOf(call: SentRequest): string {
  if (call.kind === 'fork' && !call.waits) return `session ${call.fork}`
  if ('session' in call) return `session ${call.session}`
  return call.kind === 'classify' ? `classify ${call.id}` : call.kind
}

function failure(id: number, error: unknown): FromEngine {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return {
    kind: 'failed',
    id,
    message,
    stack,
    phrase: error instanceof UserError ? error.phrase : undefined,
    noRoom: error instanceof NoRoom ? error.tokens : undefined,
    stopped: error instanceof Stopped,
  }
}

/** Buffers of large results, which are transferred rather than copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return []
  const fields = ArrayBuffer.isView(value) ? [value] : Object.values(value)
  return fields
    .filter((field) => ArrayBuffer.isView(field) && field.byteLength > 65536 && field.buffer instanceof ArrayBuffer)
    .map((field) => field.buffer)
}
