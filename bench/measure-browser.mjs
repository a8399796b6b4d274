// A packed model in Chromium beside the same in Node, and beside wllama on a GGUF file of the same shape.
//
//   node bench/measure-browser.mjs MODEL.molm.safetensors [-p 256] [-n 48] [--rounds 3] [--node PATH,..]
//     [--wllama FOLDER --gguf FILE] [--weights all|needed]
//
// FOLDER is `node_modules/@wllama/wllama/esm`; `molm bench --write` and bench/make-gguf.mjs write files of a shape. By turns:
// each round runs every engine once, in a new page or process that has the files, with a warm-up and then three prompts of
// `p` tokens and answers of `n`. Prints tokens per second, and the seconds from a page to its first word: in the first round
// without kept files, later with them. It needs the compiled tests (npx tsc -p test/tsconfig.json).
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { chromium } from 'playwright-core'
import { WebServer } from '../build/test/support/web-server.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', short: 'p', default: '256' },
    generate: { type: 'string', short: 'n', default: '48' },
    rounds: { type: 'string', default: '3' },
    node: { type: 'string', default: process.execPath },
    wllama: { type: 'string' },
    gguf: { type: 'string' },
    weights: { type: 'string', default: 'all' },
  },
})
const [model] = positionals.map((path) => resolve(path))
if (!model) throw new Error('give a packed file')
const DIST = fileURLToPath(new URL('../dist', import.meta.url))
const [prompt, generate] = [Number(values.prompt), Number(values.generate)]

/** Of molm, in a page and in Node. */
const MOLM = `async (loadModel, file, prompt, generate, weights) => {
  const begun = performance.now()
  const model = await loadModel(file, weights && { weights })
  const ids = Array.from({ length: prompt }, (_, i) => (i * 7919) % 1000)
  const options = { temperature: 0, ignoreEos: true }
  let first
  const runs = []
  for (let run = 0; run < 4; run++) {
    const session = model.createSession()
    const start = performance.now()
    await session.forward(ids)
    const read = performance.now()
    for await (const step of session.generate([1], { ...options, maxTokens: 1 })) first ??= performance.now() - begun
    const middle = performance.now()
    for await (const step of session.generate([1], { ...options, maxTokens: generate })) ;
    runs.push([(1000 * prompt) / (read - start), (1000 * generate) / (performance.now() - middle)])
  }
  const { weightsBytes } = await model.stats()
  await model.dispose()
  return { first, runs: runs.slice(1), weightsBytes }
}`

/** A byte is a token of bench/make-gguf.mjs. */
const WLLAMA = `async (prompt, generate) => {
  const { Wllama } = await import('/wllama/index.js')
  const begun = performance.now()
  const wllama = new Wllama({ default: '/wllama/wasm/wllama.wasm' })
  await wllama.loadModelFromUrl(location.origin + '/gguf/${basename(values.gguf ?? '')}', { n_ctx: 2048, n_gpu_layers: 0, n_threads: navigator.hardwareConcurrency })
  const ask = (text, max_tokens) => wllama.createCompletion({ prompt: text, max_tokens, temperature: 0, ignore_eos: true, cache_prompt: false })
  let first
  const runs = []
  for (let run = 0; run < 4; run++) {
    const { timings, usage } = await ask(String.fromCharCode(98 + run).repeat(prompt), generate)
    first ??= performance.now() - begun
    runs.push([timings.prompt_per_second, timings.predicted_per_second, usage])
  }
  const threads = wllama.getNumThreads()
  await wllama.exit()
  return { first, runs: runs.slice(1), threads }
}`

const folders = { molm: DIST, model: dirname(model) }
if (values.wllama && values.gguf)
  Object.assign(folders, { wllama: resolve(values.wllama), gguf: dirname(resolve(values.gguf)) })
const web = await WebServer.start(folders)
const profile = await mkdtemp(join(tmpdir(), 'molm-bench-'))
const args = ['--no-sandbox', '--disable-gpu']
const context = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  headless: true,
  args,
})

async function inPage(script) {
  const page = await context.newPage()
  try {
    await page.goto(web.url)
    return await page.evaluate(script)
  } finally {
    await page.close()
  }
}

const engines = {
  [`molm in Chromium ${context.browser()?.version() ?? ''}`]: () => {
    const load = "(file, options) => import('/molm/web/index.js').then((molm) => molm.loadModel(file, options))"
    return inPage(`(${MOLM})(${load}, '/model/${basename(model)}', ${prompt}, ${generate}, '${values.weights}')`)
  },
}
for (const node of values.node.split(',')) {
  const { stdout } = await promisify(execFile)(node, ['--version'])
  engines[`molm in Node ${stdout.trim()}`] = async () => {
    const load = `import { loadModel } from '${DIST}/bundle/index.js'`
    const script = `${load}; console.log(JSON.stringify(await (${MOLM})(loadModel, '${model}', ${prompt}, ${generate})))`
    const { stdout: text } = await promisify(execFile)(node, ['--input-type=module', '-e', script])
    return JSON.parse(text)
  }
}
if (folders.wllama) engines['wllama in Chromium'] = () => inPage(`(${WLLAMA})(${prompt}, ${generate})`)

const figures = Object.fromEntries(Object.keys(engines).map((name) => [name, []]))
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, run] of Object.entries(engines)) {
    const { first, runs, ...more } = await run()
    const [read, written] = [0, 1].map((i) => median(runs.map((row) => row[i])))
    figures[name].push([read, written, first / 1000])
    console.log(
      `round ${round + 1}, ${name}: ${figures[name]
        .at(-1)
        .map((x) => x.toFixed(2))
        .join(', ')} ${JSON.stringify(more)}`,
    )
  }
}
await context.close()
await web.close()
await rm(profile, { recursive: true, force: true })
console.log('\nmedians: tokens per second of prompts and of answers, seconds to the first word')
for (const [name, rows] of Object.entries(figures)) {
  console.log(`${name}: ${[0, 1, 2].map((i) => median(rows.map((row) => row[i])).toFixed(2)).join(', ')}`)
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]
}
