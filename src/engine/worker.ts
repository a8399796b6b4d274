import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { UserError } from '../errors.js'
import { startHelpersAhead } from '../runtime/helpers.js'
import { Engine, type Task } from './engine.js'
import type { Call, Credit, EngineData, FromEngine, Request, ToEngine } from './protocol.js'
import { Stopped } from './sequence.js'

/*
 * The engine's thread. Requests are carried out in the order they come, those of one session strictly so; between the
 * steps of a long one, requests of other sessions get their turn, so that a reader who waits for another answer in the
 * middle of a generation does not wait for ever.
 */

/** A request under way. */
interface Running {
  id: number
  /** What must not overlap: requests of one session, or those without one. */
  lane: string
  task: Task
  stop: Int32Array
  /** Steps that the reader is ready for. */
  credit: number
  closes: boolean
}

/** Steps that a generation may be ahead of its reader before the first credit comes. */
const FIRST_CREDIT = 32

if (!parentPort) throw new Error('the engine runs in a worker thread')
const port = parentPort

const send = (message: FromEngine, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

const running: Running[] = []
let engine: Engine

port.on('message', (message: ToEngine) => {
  if (message.kind === 'start') return start(message.data)
  accept(message)
  work()
})

async function start(data: EngineData): Promise<void> {
  try {
    startHelpersAhead(data.threads - 1)
    engine = await Engine.start(data)
    const { tierName: tier, compiler, warnings } = engine
    send({ kind: 'ready', tier, compiler, warnings })
  } catch (error) {
    send(failure(0, error))
  }
}

function accept(message: Call | Credit): void {
  if (message.kind === 'credit') {
    const run = running.find(({ id }) => id === message.id)
    if (run) run.credit += message.steps
    return
  }
  running.push(begin(message))
}

function begin(call: Call): Running {
  const { id, stop } = call
  const task = engine.task(call, {
    stop,
    emit: (step) => {
      run.credit--
      send({ kind: 'step', id, step })
    },
    progress: (progress) => send({ kind: 'progress', id, progress }),
  })
  const run: Running = { id, lane: laneOf(call), stop, credit: FIRST_CREDIT, closes: call.kind === 'close', task }
  return run
}

function laneOf(request: Request): string {
  return 'session' in request ? `session ${request.session}` : request.kind
}

/** Works until every request is done or waits for its reader. */
function work(): void {
  for (;;) {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) accept(next.message)
    const ready = running.filter(isReady)
    if (ready.length === 0) return
    for (const run of ready) advance(run)
  }
}

/** The first of its lane, and not waiting for its reader. */
function isReady(run: Running): boolean {
  const isFirst = running.find(({ lane }) => lane === run.lane) === run
  return isFirst && (run.credit > 0 || run.stop[0] !== 0)
}

function advance(run: Running): void {
  const { id } = run
  try {
    const { done, value } = run.task.next()
    if (!done) return
    send({ kind: 'reply', id, value }, buffersOf(value))
  } catch (error) {
    send(failure(id, error))
  }
  running.splice(running.indexOf(run), 1)
  if (run.closes) engine.close().then(() => port.close())
}

function failure(id: number, error: unknown): FromEngine {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return {
    kind: 'failed',
    id,
    message,
    stack,
    userError: error instanceof UserError,
    stopped: error instanceof Stopped,
  }
}

/** Large results are handed over, not copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value)
    .filter((field) => ArrayBuffer.isView(field) && field.byteLength > 65536 && field.buffer instanceof ArrayBuffer)
    .map((field) => field.buffer)
}
