// Lets threads die that should not, in copies of the built package, and prints how a program fares that uses the library
// then: what its requests got, how long dispose took, and whether the process ended by itself. Needs `npm run build` and
// the compiled tests (test/tsconfig.json).
//   node build/test/stress/soak-threads.js [CASE]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { withPatchedLibrary } from '../support/patched-library.js'

/** The longest that a program may take, from its first request to its end. */
const LIMIT_MS = 30_000

const HELPER = 'kernels/threads/helper-thread.js'
const LISTENS = 'listenOnce(live)'
const RUNS = 'seen[bank] = kernels[bank].help(seen[bank]);'
const ENGINE = { file: 'engine/run/engine.js', from: "case 'forward':" }
/** How a thread ends, as a statement. */
const EXIT = 'process.exit(0);'
const THROW = "throw new Error('the thread broke');"
const HOG = 'const hog = []; for (;;) hog.push(new Array(1e5).fill(hog.length + 0.5));'

interface Patch {
  file: string
  from: string
  to: string
}

interface Case {
  patches: Patch[]
  outcome: 'answers' | 'refusal' | 'either'
}

/** Passages that are replaced, and what must come of the requests: `answers`, or a `refusal` with the cause. */
const CASES: Record<string, Case> = {
  'nothing dies': { patches: [], outcome: 'answers' },
  'a helper exits at its start': {
    patches: [{ file: HELPER, from: LISTENS, to: `listenOnce(() => { ${EXIT} })` }],
    outcome: 'answers',
  },
  'a helper exits when it first leaves a memory': {
    patches: [{ file: HELPER, from: RUNS, to: `{ ${RUNS} ${EXIT} }` }],
    outcome: 'either',
  },
  'a helper throws at its start': {
    patches: [{ file: HELPER, from: LISTENS, to: `listenOnce(() => { ${THROW} })` }],
    outcome: 'refusal',
  },
  'a helper throws when it first leaves a memory': {
    patches: [{ file: HELPER, from: RUNS, to: `{ ${RUNS} ${THROW} }` }],
    outcome: 'either',
  },
  'the engine exits in a request': { patches: [{ ...ENGINE, to: `${ENGINE.from} ${EXIT}` }], outcome: 'refusal' },
  'a request throws': { patches: [{ ...ENGINE, to: `${ENGINE.from} ${THROW}` }], outcome: 'refusal' },
  'the engine throws outside of requests': {
    patches: [{ ...ENGINE, to: `${ENGINE.from} setImmediate(() => { ${THROW} }); yield;` }],
    outcome: 'either',
  },
  'the engine runs out of memory': {
    patches: [
      { ...ENGINE, to: `${ENGINE.from} ${HOG}` },
      {
        file: 'ground/platform/threads.js',
        from: 'execArgv: []',
        to: 'execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 64 }',
      },
    ],
    outcome: 'refusal',
  },
  'the engine never answers': { patches: [{ ...ENGINE, to: `${ENGINE.from} for (;;);` }], outcome: 'refusal' },
}

/** Program that uses the library. */
const PROGRAM = `
import { loadModel } from LIBRARY
const within = (ms, promise) => Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), ms).unref())])
const tell = async (what, work) => {
  const start = performance.now()
  const got = await work().then((value) => value, (error) => 'refused (' + error.message.split('\\n')[0] + ')')
  console.log(what + ' ' + got + ' after ' + ((performance.now() - start) / 1000).toFixed(1) + ' s')
}
const model = await loadModel('nano', { threads: 3 }).catch((error) => console.log('load refused (' + error.message + ')'))
if (model) {
  const session = model.createSession()
  await tell('first', async () => (await within(4000, session.forward(new Array(300).fill(7)))).logits.length + ' logits')
  await tell('second', async () => (await within(4000, session.forward([5]))).logits.length + ' logits')
  await tell('dispose', async () => (await model.dispose(), 'done'))
}
`

const [only] = process.argv.slice(2)
let failures = 0
for (const [name, { patches, outcome }] of Object.entries(CASES)) {
  if (only !== undefined && only !== name) continue
  const told = await withPatchedLibrary(patches, run)
  const isAsWished = told.ended && (outcome === 'either' || told.outcome === outcome)
  if (!isAsWished) failures++
  console.log(`${isAsWished ? 'ok ' : 'BAD'} ${name}: ${told.text}`)
}
console.log(`failures: ${failures}`)
process.exitCode = failures > 0 ? 1 : 0

/** Runs that program with a copy of the package. */
async function run(folder: string): Promise<{ ended: boolean; outcome: Case['outcome']; text: string }> {
  const source = PROGRAM.replace('LIBRARY', JSON.stringify(`${folder}/dist/index.js`))
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (errors += data))
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  const lines = output.trim().split('\n')
  const refusals = lines.filter((line) => line.includes('refused')).length
  const how = signal ? `ended by ${signal}` : `exit code ${code}`
  return {
    ended: code === 0 && errors === '',
    outcome: refusals > 0 ? 'refusal' : 'answers',
    text: [...lines, how, ...(errors ? [`stderr: ${errors.trim().split('\n')[0]}`] : [])].join('; '),
  }
}
