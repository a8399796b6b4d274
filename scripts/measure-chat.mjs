// What the screen costs: decode speed of nano with and without the chat's drawing, and how long a key takes to appear
// while an answer is computed. Needs `npm run build`, the compiled tests (test/tsconfig.json) and the `script` command.
//   node scripts/measure-chat.mjs [rounds]
import { readFile, writeFile } from 'node:fs/promises'
import { createElement } from 'react'

const TOKENS = 1500
const KEYS = 40
const [mode = '5', resultFile] = process.argv.slice(2)
if (mode === 'inside') await inside(resultFile)
else await outside(Number(mode))

/** Starts this script in a pseudo-terminal, types into it, and reads what it found. */
async function outside(rounds) {
  const { PseudoTerminal } = await import('../build/test/support/pseudo-terminal.js')
  const file = `/tmp/molm-measure-${process.pid}.json`
  const args = ['scripts/measure-chat.mjs', 'inside', file]
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
  const cost = 100 * (1 - median(drawn) / median(plain))
  console.log(
    `decode without drawing: ${median(plain).toFixed(0)} tokens/s (median of ${plain.length}: ${whole(plain)})`,
  )
  console.log(
    `decode with the chat's screen: ${median(drawn).toFixed(0)} tokens/s (${whole(drawn)}), ${cost.toFixed(1)} % less`,
  )
  console.log(
    `key to echo while answering: median ${median(latencies).toFixed(1)} ms, most ${latencies.at(-1).toFixed(1)} ms of ${KEYS}`,
  )
}

/** Runs in the pseudo-terminal. */
async function inside(file) {
  const { prepareV8 } = await import('../dist/runtime/v8-flags.js')
  prepareV8()
  const { loadModel } = await import('../dist/index.js')
  const nano = await loadModel('nano')
  // Nothing ends an answer before its last token.
  const model = Object.create(nano, { generationDefaults: { value: { ...nano.generationDefaults, stop: [] } } })
  const plain = []
  const drawn = []
  await withoutDrawing(model)
  for (let i = 0; i < Number(process.env.ROUNDS); i++) {
    plain.push(await withoutDrawing(model))
    drawn.push(await withDrawing(model))
  }
  await writeFile(file, JSON.stringify({ plain, drawn }))
  process.stdout.write('ready for keys\r\n')
  await withDrawing(model, 1_000_000)
  await nano.dispose()
}

function options(maxTokens) {
  return { maxTokens, ignoreEos: true, temperature: 0.8, seed: 1 }
}

async function withoutDrawing(model) {
  const { Conversation } = await import('../dist/tui/conversation.js')
  const { TokenMap } = await import('../dist/tui/token-map.js')
  const conversation = new Conversation(model)
  const map = new TokenMap(model.config)
  const watcher = {
    text: () => {},
    token: (token) => model.tokenizer.decode([token]),
    routes: (routes) => map.add('', routes),
    end: () => {},
  }
  const { tokensPerSecond } = await conversation.ask('Tell me a story.', watcher, options(TOKENS))
  conversation.dispose()
  return tokensPerSecond
}

async function withDrawing(model, tokens = TOKENS) {
  const { render } = await import('ink')
  const { App } = await import('../dist/tui/app.js')
  const { Chat } = await import('../dist/tui/chat.js')
  const { InputHistory } = await import('../dist/tui/input-history.js')
  const { Terminal } = await import('../dist/tui/terminal.js')
  const chat = new Chat(model, { history: await InputHistory.open(), depth: 'truecolor', generation: options(tokens) })
  const terminal = new Terminal(process.stdin, process.stdout, (key) => chat.press(key))
  terminal.enter()
  const screen = render(createElement(App, { chat, terminal }), { stdout: terminal, exitOnCtrlC: false, maxFps: 60 })
  await Promise.race([chat.ask('Tell me a story.'), chat.ended])
  const speed = chat.lastAnswer?.tokensPerSecond
  chat.end()
  screen.unmount()
  terminal.leave()
  chat.conversation.dispose()
  return speed
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function whole(values) {
  return values.map((value) => value.toFixed(0)).join(', ')
}
