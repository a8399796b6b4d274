// Soak test of one engine: creates, uses and disposes of thousands of sessions, then generates long texts in a rolling
// context. Fails if equal requests have different answers, if the process or the main thread's heap grows
// (memory-growth.mjs), or if caches remain at the end. Needs `npm run build`.
//   node test/stress/soak-sessions.mjs [--sessions 30000] [--tokens 40000] [--context 256]
import { parseArgs } from 'node:util'
import v8 from 'node:v8'
import vm from 'node:vm'
import { loadModel } from '../../dist/index.js'
import { seededRandom } from '../../dist/sampling/random.js'
import { MemoryGrowth } from './memory-growth.mjs'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '30000' },
    tokens: { type: 'string', default: '40000' },
    context: { type: 'string', default: '256' },
  },
})
const [SESSIONS, TOKENS, CONTEXT] = [values.sessions, values.tokens, values.context].map(Number)
const PROMPT = [5, 9, 2, 300, 17, 1200, 4]
/** Maximum number of live sessions. */
const LIVE = 20
const GREEDY = { temperature: 0, ignoreEos: true, stop: [] }

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc')
const model = await loadModel('nano', { threads: 2 })
const random = seededRandom(1)
const below = (n) => Math.floor(random.nextFloat() * n)
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

/** Creates, uses and disposes of sessions, each in one of several ways, with at most LIVE at a time. */
async function sessions() {
  const live = []
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

async function use(session, way) {
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
    await other.restore(await session.save())
    other.dispose()
  }
}

/** Generates TOKENS tokens with a context of the last `context` tokens. */
async function rolling(context) {
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

/** Samples the process and this thread's heap, after a garbage collection, during a phase of `steps` steps. */
function memoryOf(phase, steps) {
  const whole = new MemoryGrowth(`${phase}: process`, steps)
  const heap = new MemoryGrowth(`${phase}: heap`, steps)
  return {
    sample(step) {
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

async function answer(session, options) {
  const tokens = []
  for await (const { token } of session.generate(PROMPT, options)) tokens.push(token)
  return tokens
}

function check(tokens) {
  if (String(tokens) !== String(expected)) report('different answer', new Error(`${tokens} and not ${expected}`))
}

function report(where, error) {
  failures++
  console.log(`${where}: ${error.message}`)
}

async function told(what) {
  const { rss, heapUsed } = process.memoryUsage()
  const { cacheBytes } = await model.stats()
  const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
  console.log(`${what}: process ${mb(rss)}, heap ${mb(heapUsed)}, cache ${mb(cacheBytes)}`)
}
