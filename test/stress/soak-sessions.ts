// Uses one engine for long: thousands of sessions made, used and given back, then long texts in a context that rolls.
// Fails if equal requests have different answers, if the process or the heap of the main thread grows
// (memory-growth.ts), or if caches are left at the end. Needs `npm run build` and the
// compiled tests (npx tsc -p test/tsconfig.json).
//   node build/test/stress/soak-sessions.js [--sessions 30000] [--tokens 40000] [--context 256]
import { parseArgs } from 'node:util'
import v8 from 'node:v8'
import vm from 'node:vm'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { type GenerateOptions, loadModel, type Session } from '#molm/index.js'
import { MemoryGrowth } from './memory-growth.js'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '30000' },
    tokens: { type: 'string', default: '40000' },
    context: { type: 'string', default: '256' },
  },
})
const [SESSIONS, TOKENS, CONTEXT] = [values.sessions, values.tokens, values.context].map(Number)
const PROMPT = [5, 9, 2, 300, 17, 1200, 4]
/** Sessions that live at the same time. */
const LIVE = 20
const GREEDY = { temperature: 0, ignoreEos: true, stop: [] }

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc')
const model = await loadModel('nano', { threads: 2 })
const random = seededRandom(1)
const below = (n: number) => Math.floor(random.nextFloat() * n)
const first = model.createSession()
const expected = await answer(first, { ...GREEDY, maxTokens: 8 })
first.dispose()
let failures = 0

await sessions()
await rolling(CONTEXT)
await rolling(1)
const { cacheBytes } = await model.stats()
await model.dispose()
if (cacheBytes > 0) report('at the end', new Error(`the caches hold ${cacheBytes} bytes`))
console.log(`failures: ${failures}; cache at the end: ${cacheBytes} bytes`)
process.exitCode = failures > 0 ? 1 : 0

/** Makes, uses and gives back sessions, up to LIVE of them at the same time, each in one of several ways. */
async function sessions(): Promise<void> {
  const live: Session[] = []
  const memory = memoryOf('sessions', SESSIONS)
  for (let i = 1; i <= SESSIONS; i++) {
    const session = model.createSession()
    live.push(session)
    await use(session, i % 5).catch((error) => report(`session ${i}`, error))
    if (live.length > LIVE) live.splice(below(live.length), 1)[0].dispose()
    memory.sample(i)
    if (i === 1000 || i % 10_000 === 0 || i === SESSIONS) await told(`${i} sessions`)
  }
  for (const session of live) session.dispose()
  memory.judge()
}

async function use(session: Session, way: number): Promise<void> {
  if (way === 0) return check(await answer(session, { ...GREEDY, maxTokens: 8 }))
  if (way === 1) await session.forward(Array.from({ length: 1 + below(80) }, () => below(4000)))
  if (way === 2) for await (const { index } of session.generate(PROMPT, GREEDY)) if (index === 3) break
  if (way === 3) {
    const controller = new AbortController()
    const forward = session.forward(new Array(400).fill(7), { signal: controller.signal })
    controller.abort()
    await forward.catch(() => undefined)
    check(await answer(session, { ...GREEDY, maxTokens: 8 }))
  }
  if (way === 4) {
    await session.forward(PROMPT)
    const other = model.createSession()
    await other.importCache(await session.exportCache())
    other.dispose()
  }
}

/** A text of TOKENS tokens; the model remembers only `context` of them. */
async function rolling(context: number): Promise<void> {
  const session = model.createSession()
  const memory = memoryOf(`context ${context}`, TOKENS)
  let worst = 0
  try {
    const options = { temperature: 1, seed: 3, ignoreEos: true, stop: [], maxTokens: TOKENS, context }
    for await (const { index, logprob } of session.generate(PROMPT, options)) {
      if (!Number.isFinite(logprob)) throw new Error(`token ${index} has log-probability ${logprob}`)
      memory.sample(index + 1)
      if (index % 1000 === 999) worst = Math.max(worst, (await model.stats()).cacheBytes)
      if (index === 999 || index === TOKENS - 1) await told(`${index + 1} tokens with --context ${context}`)
    }
  } catch (error) {
    report(`context ${context}`, error)
  }
  session.dispose()
  memory.judge()
  console.log(`  largest cache: ${worst} bytes`)
}

/** Follows the process and the heap of this thread, after a collection of garbage, through a phase of `steps` steps. */
function memoryOf(phase: string, steps: number) {
  const whole = new MemoryGrowth(`${phase}: process`, steps)
  const heap = new MemoryGrowth(`${phase}: heap`, steps)
  return {
    sample(step: number) {
      if (!whole.wants(step)) return
      collectGarbage()
      const { rss, heapUsed } = process.memoryUsage()
      whole.add(step, rss)
      heap.add(step, heapUsed)
    },
    judge() {
      for (const growth of [whole, heap]) {
        console.log(`  ${growth.summary}`)
        if (growth.isTooMuch) report(phase, new Error('memory grew'))
      }
    },
  }
}

async function answer(session: Session, options: GenerateOptions): Promise<number[]> {
  const tokens: number[] = []
  for await (const { token } of session.generate(PROMPT, options)) tokens.push(token)
  return tokens
}

function check(tokens: number[]): void {
  if (String(tokens) !== String(expected)) report('another answer', new Error(`${tokens} and not ${expected}`))
}

function report(where: string, error: unknown): void {
  failures++
  console.log(`${where}: ${(error as Error).message}`)
}

async function told(what: string): Promise<void> {
  const { rss, heapUsed } = process.memoryUsage()
  const { cacheBytes } = await model.stats()
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  console.log(`${what}: process ${mb(rss)}, heap ${mb(heapUsed)}, cache ${mb(cacheBytes)}`)
}
