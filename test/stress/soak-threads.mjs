// Makes threads fail in patched copies of the built package, and prints the effect on a program that uses the library:
// results of its requests, duration of dispose, and whether the process ended without a signal. Needs `npm run build`
// and the compiled tests (test/tsconfig.json).
//   node test/stress/soak-threads.mjs [CASE]
import { spawn } from 'node:child_process'
import { withPatchedLibrary } from '../../build/test/support/patched-library.js'

/** Timeout for a program. */
const LIMIT_MS = 30_000

const HELPER = 'runtime/threads/helper-thread.js'
const LISTENS = 'listenOnce(live)'
const RUNS = 'seen[bank] = kernels[bank].help(seen[bank]);'
const ENGINE = { file: 'engine/engine.js', from: "case 'forward':" }
/** Statement that ends a thread. */
const EXIT = 'process.exit(0);'
const THROW = "throw new Error('the thread broke');"
const HOG = 'const hog = []; for (;;) hog.push(new Array(1e5).fill(hog.length + 0.5));'

/** Patches with the required outcome of requests: `answers`, a `refusal` with the cause, or `either`. */
const CASES = {
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
    outcome: 'refusal',
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
        file: 'platform/threads.js',
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

/** Runs the program with a copy of the package. */
async function run(folder) {
  const source = PROGRAM.replace('LIBRARY', JSON.stringify(`${folder}/dist/index.js`))
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (errors += data))
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [code, signal] = await new Promise((resolve) => child.on('close', (...how) => resolve(how)))
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
