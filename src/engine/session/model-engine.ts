import type { CacheSnapshot } from '../../api/session.js'
import { disposed, EngineClient, type Ongoing } from '../run/client.js'
import type { EngineData, OpenSequence } from '../run/messages/protocol.js'
import { exportCache, importCache, wholeSnapshot } from './cache-snapshot.js'

type Call = EngineClient['call']
type Start = (engine: EngineClient) => void
type Visit = (engine: EngineClient) => Promise<void>

/** A sequence, to be opened in another engine. */
interface Carried extends OpenSequence {
  /** Absent if it is empty. */
  cache?: CacheSnapshot
}

/** The engine of a model. Another engine can take its place; calls wait meanwhile. */
export class ModelEngine {
  /** Starts the calls that wait; undefined unless the engine is being replaced. */
  private waiting?: Start[]
  private replacing?: Promise<void>
  private isClosed = false

  constructor(private client: EngineClient) {}

  get tier(): string {
    return this.client.tier
  }

  get compiler(): string {
    return this.client.compiler
  }

  /** Sends a request to the engine. Buffers in `transfer` move to it. */
  call<T>(...parameters: Parameters<Call>): Ongoing<T> {
    return this.waiting ? postponed(this.waiting, parameters) : this.client.call<T>(...parameters)
  }

  /**
   * Waits for the requests that run, ends the engine and starts another one, with the same sequences. `take` receives the
   * old engine before it ends, `prepare` sets the new one up. If the new engine does not start, this and every later call
   * reject with its error.
   */
  replace(data: EngineData, take: Visit, prepare: Visit): Promise<void> {
    this.replacing ??= this.change(data, take, prepare).finally(() => {
      this.replacing = undefined
    })
    return this.replacing
  }

  /** Ends the engine. Calls that run or wait reject. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.client.close()
    await this.replacing?.catch(() => undefined)
    await this.client.close()
  }

  private async change(data: EngineData, take: Visit, prepare: Visit): Promise<void> {
    const waiting: Start[] = []
    this.waiting = waiting
    try {
      await this.client.idle()
      await take(this.client)
      const carried = await exported(this.client)
      await this.client.close()
      if (this.isClosed) throw disposed()
      this.client = await EngineClient.start(data)
      await prepare(this.client)
      await imported(this.client, carried)
    } catch (error) {
      await this.client.close(error as Error)
      throw error
    } finally {
      this.waiting = undefined
      for (const start of waiting) start(this.client)
    }
  }
}

async function exported(engine: EngineClient): Promise<Carried[]> {
  const open = await engine.call<OpenSequence[]>({ kind: 'sequences' }).reply
  const carried: Carried[] = []
  for (const sequence of open) {
    const { session, length } = sequence
    const cache = length > 0 ? await wholeSnapshot(await exportCache(engine, session)) : undefined
    carried.push({ ...sequence, cache })
  }
  return carried
}

/** Puts sequences into an engine. Frees the source of each at once, since caches are large. */
async function imported(engine: EngineClient, carried: Carried[]): Promise<void> {
  for (let next = carried.shift(); next; next = carried.shift()) {
    const { session, mask, cache, shared } = next
    if (mask) await engine.call<void>({ kind: 'open', session, mask }).reply
    if (cache) await importCache(engine, session, cache)
    if (shared) await engine.call<void>({ kind: 'adopt', session, ...shared }).reply
  }
}

/** A call that starts later. */
function postponed<T>(waiting: Start[], parameters: Parameters<Call>): Ongoing<T> {
  let ongoing: Ongoing<T> | undefined
  let isStopped = false
  const reply = new Promise<T>((resolve, reject) => {
    waiting.push((engine) => {
      ongoing = engine.call<T>(...parameters)
      if (isStopped) ongoing.stop()
      ongoing.reply.then(resolve, reject)
    })
  })
  return {
    reply,
    stop: () => {
      isStopped = true
      ongoing?.stop()
    },
    credit: (steps) => ongoing?.credit(steps),
  }
}
