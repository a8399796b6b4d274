// Measures the cost of the chat screen while nano answers, and the time until a typed key appears. Needs `npm run
// build`, the compiled tests (test/tsconfig.json), the `script` command and Linux.
//   node bench/measure-chat.mjs [rounds]
//
// Speeds of separate runs vary by more than the cost of drawing. So the cost is the CPU time of the main thread, which
// draws, for an answer with the screen, minus its CPU time for as many tokens without the screen. Garbage is collected
// on the same thread here, so it is included. As a share of the answer's time, this is an upper bound of the loss of
// decode speed. The loss is smaller if the computing threads do not wait for drawing, and zero on a computer with a
// spare core.
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'

const TOKENS = 4000
const KEYS = 40
const [mode = '7', resultFile] = process.argv.slice(2)
if (mode === 'inside') await inside(resultFile)
else await outside(Number(mode))

/** Starts this script in a pseudo-terminal, types into it, and reads its results. */
async function outside(rounds) {
  const { PseudoTerminal } = await import('../build/test/support/pseudo-terminal.js')
  const file = `/tmp/molm-measure-${process.pid}.json`
  const args = ['--single-threaded-gc', 'bench/measure-chat.mjs', 'inside', file]
  const env = { ROUNDS: String(rounds), NODE_ENV: 'production' }
  const terminal = await PseudoTerminal.start({ args, env, columns: 100, rows: 30, outputOnly: true })
  await terminal.waitUntil(() => terminal.output.includes('ready for keys'), 'the measured rounds', 600_000)
  const latencies = []
  for (let i = 0; i < KEYS; i++) {
    await new Promise((resolve) => setTimeout(resolve, 90 + 37 * (i % 5)))
    const typed = String.fromCharCode(97 + (i % 26))
    const from = terminal.output.length
    const start = performance.now()
    terminal.type(typed)
    while (!new RegExp(`› .*${typed}\u001b\\[7m`).test(terminal.output.slice(from))) {
      await new Promise((resolve) => setImmediate(resolve))
      if (performance.now() - start > 5000) throw new Error('the key did not appear')
    }
    latencies.push(performance.now() - start)
  }
  terminal.type('\x03\x03\x03')
  await terminal.close()
  const { plain, drawn } = JSON.parse(await readFile(file, 'utf8'))
  latencies.sort((a, b) => a - b)
  const without = median(plain.map(({ cpu }) => cpu))
  const shares = drawn.map(({ cpu, seconds }) => (100 * (cpu - without)) / seconds)
  const frames = drawn.map(({ cpu, frames }) => (1000 * (cpu - without)) / frames)
  console.log(`without the screen: ${told(plain)}`)
  console.log(`with the screen:    ${told(drawn)}`)
  console.log(
    `drawing: ${median(shares).toFixed(1)} % of the answer's time (${shares.map((share) => share.toFixed(1)).join(', ')}), ` +
      `${median(frames).toFixed(2)} ms a frame, ${median(drawn.map((run) => run.frames / run.seconds)).toFixed(0)} frames a second`,
  )
  console.log(
    `key to echo while answering: median ${median(latencies).toFixed(1)} ms, most ${latencies.at(-1).toFixed(1)} ms of ${KEYS}`,
  )
}

/** Part that runs in the pseudo-terminal. */
async function inside(file) {
  const { loadModel } = await import('../dist/index.js')
  const nano = await loadModel('nano')
  // Only the last token ends an answer.
  const model = Object.create(nano, { generationDefaults: { value: { ...nano.generationDefaults, stop: [] } } })
  const plain = []
  const drawn = []
  await withoutDrawing(model)
  await withDrawing(model)
  for (let i = 0; i < Number(process.env.ROUNDS); i++) {
    plain.push(await withoutDrawing(model))
    drawn.push(await withDrawing(model))
  }
  await writeFile(file, JSON.stringify({ plain, drawn }))
  process.stdout.write('ready for keys\r\n')
  await withDrawing(model, 1_000_000)
  await nano.dispose()
}

/** CPU seconds of the main thread for an answer, and elapsed seconds. */
async function measured(answer) {
  const [cpu, start] = [mainThreadSeconds(), performance.now()]
  await answer()
  // Lets the screen draw the end of the answer.
  await new Promise((resolve) => setTimeout(resolve))
  return { cpu: mainThreadSeconds() - cpu, seconds: (performance.now() - start) / 1000 }
}

/** CPU time of the main thread so far, in nanosecond resolution. */
function mainThreadSeconds() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
}

function options(maxTokens) {
  return { maxTokens, ignoreEos: true, temperature: 0.8, seed: 1 }
}

async function withoutDrawing(model) {
  const { Conversation } = await import('../dist/terminal/conversation/conversation.js')
  const { TokenMap } = await import('../dist/terminal/map/token-map.js')
  const conversation = new Conversation(model)
  const map = new TokenMap(model.config)
  const watcher = {
    prompt: () => {},
    progress: () => {},
    read: () => {},
    text: () => {},
    token: (token) => model.tokenizer.decode([token]),
    routes: (routes) => map.add('', routes),
    end: () => {},
  }
  const run = await measured(() => conversation.ask('Tell me a story.', watcher, options(TOKENS)))
  conversation.dispose()
  return run
}

async function withDrawing(model, tokens = TOKENS) {
  const { Chat } = await import('../dist/terminal/conversation/chat.js')
  const { InputHistory } = await import('../dist/terminal/input/history.js')
  const { openScreen } = await import('../dist/terminal/screen/chat-screen.js')
  const chat = new Chat(model, { history: await InputHistory.open(), depth: 'truecolor', generation: options(tokens) })
  const { Terminal } = await import('../dist/terminal/screen/terminal.js')
  const { TypedAhead } = await import('../dist/terminal/screen/typed-ahead.js')
  const leave = () => chat.end()
  const terminal = new Terminal(process.stdin, process.stdout)
  const typed = new TypedAhead(terminal, { interrupt: leave, leave, suspend() {} })
  const screen = openScreen(chat, typed)
  screen.takeInput()
  let frames = 0
  chat.subscribe(() => frames++)
  const run = await measured(() => Promise.race([chat.ask('Tell me a story.'), chat.ended]))
  chat.end()
  screen.close()
  chat.conversation.dispose()
  return { ...run, frames }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function told(runs) {
  const [speed, cpu] = [median(runs.map((run) => TOKENS / run.seconds)), median(runs.map((run) => run.cpu))]
  return `${speed.toFixed(0)} tokens/s, ${((1e6 * cpu) / TOKENS).toFixed(0)} µs of the main thread a token (medians of ${runs.length})`
}
