// Ends commands of molm at random moments, lets several write into one folder, and looks at what is left. Prints a table.
// Run it after `npm run build` and `npx tsc -p test/tsconfig.json`:
//   node build/test/stress/stress-kills.js [--seed 1] [--minutes 5] [--only pull]
// The same seed ends the same commands in the same way, though not at the same instruction.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { BIN, NANO } from '../cli/molm.js'
import { HubServer } from '../support/hub-server.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
})
const SIGNALS = ['SIGKILL', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Exit codes of a command that ends by itself when a signal asks it to. */
const CODES: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 }
/** Milliseconds after which a command that was asked to end counts as hung. */
const HUNG = 20_000
/** Milliseconds that children of a command may live on. */
const ORPHAN = 3000

/** Hashes of the files of a folder, by name. */
type Contents = Record<string, string>

interface Scenario {
  name: string
  /** Commands to run in a folder: one that is ended, or several that race. */
  commands(dir: string): string[][]
  races?: true
  /** Folder that they write a model into. */
  writes?: (dir: string) => string
  /** Milliseconds that the slowest takes undisturbed, and what each writes. */
  ms: number
  results: Contents[]
}

interface End {
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
  ms: number
}

type Child = ReturnType<typeof start>
type Complain = (what: string) => void

interface Row {
  ended: Record<string, number>
  first: number
  gave: number
  refused: number
  killed: number
}

const seeded = seededRandom(Number(values.seed))
const random = () => seeded.nextFloat()
const home = await mkdtemp(join(tmpdir(), 'molm-stress-'))
const hub = await HubServer.start()
const counts = new Map<string, Row>()
const faults: string[] = []

try {
  await prepare()
  const scenarios = allScenarios().filter(({ name }) => !values.only || name === values.only)
  for (const scenario of scenarios) await learn(scenario)
  const end = performance.now() + 60_000 * Number(values.minutes)
  for (let round = 0; performance.now() < end; round++) {
    const scenario = scenarios[round % scenarios.length]
    await (scenario.races ? raceOnce(scenario) : killOnce(scenario))
  }
} finally {
  await hub.close()
  await rm(home, { recursive: true, force: true })
}
report()

/** Texts, a second model of nano's shape, and a hub that takes its time. */
async function prepare(): Promise<void> {
  const text = 'And the LORD said unto Moses, speak unto the children of Israel. '.repeat(60)
  await writeFile(join(home, 'text.txt'), text)
  await cp(NANO, join(home, 'other'), { recursive: true })
  const generation = join(home, 'other', 'generation_config.json')
  await writeFile(generation, JSON.stringify({ ...JSON.parse(await readFile(generation, 'utf8')), temperature: 0.5 }))
  await hub.serve('org/model', '11-molm-like-bin-bf16-sharded')
  hub.fault = (_, response, bytes) => {
    setTimeout(() => response.destroyed || response.setHeader('content-length', bytes.length).end(bytes), 2)
    return true
  }
}

/** Commands; with `writes`, they leave a model in a folder, a fresh one each round. */
function allScenarios(): Scenario[] {
  const text = join(home, 'text.txt')
  const toPrune = ['--calibrate', text, '--keep', '0.5', '--force']
  const other = join(home, 'other')
  const toGraft = ['--from', other, '--only', 'mlp', '--experts', '0,1', '--force']
  const pulled = (dir: string) => join(dir, 'home', 'models', 'org', 'model')
  const out = (dir: string) => join(dir, 'out')
  const graft = (dir: string) => ['graft', 'nano', out(dir), ...toGraft]
  const all: Omit<Scenario, 'ms' | 'results'>[] = [
    { name: 'convert', commands: (dir) => [['convert', NANO, out(dir), '--force']], writes: out },
    { name: 'prune', commands: (dir) => [['prune', 'nano', out(dir), ...toPrune]], writes: out },
    { name: 'graft', commands: (dir) => [graft(dir)], writes: out },
    { name: 'pull', commands: () => [['pull', 'org/model']], writes: pulled },
    { name: 'pull --keep', commands: () => [['pull', 'org/model', '--keep']], writes: pulled },
    { name: 'pull --verify', commands: () => [['pull', 'org/model', '--verify']], writes: pulled },
    { name: 'run', commands: () => [['run', '--seed', '1', '-n', '200', '--ignore-eos', 'What is a lantern?']] },
    { name: 'eval', commands: () => [['eval', '--text', text]] },
    { name: 'experts', commands: () => [['experts', '--json', '--tokens', '--file', text]] },
    { name: 'bench', commands: () => [['bench', '-p', '64', '-n', '16', '-r', '2']] },
    {
      name: 'writers of one folder',
      races: true,
      commands: (dir) => [['convert', NANO, out(dir), '--force'], ['convert', other, out(dir), '--force'], graft(dir)],
      writes: out,
    },
    { name: 'pulls of one model', races: true, commands: () => Array(3).fill(['pull', 'org/model']), writes: pulled },
  ]
  return all.map((scenario) => ({ ...scenario, ms: 0, results: [] }))
}

/** Runs a scenario's commands undisturbed: how long each takes, and what is to be there afterwards. */
async function learn(scenario: Scenario): Promise<void> {
  for (const i of scenario.commands(home).keys()) {
    await inFolder(async (dir) => {
      const { code, stderr, ms } = await start(scenario.commands(dir)[i], dir).ended
      if (code !== 0) throw new Error(`${scenario.name} fails undisturbed: ${stderr}`)
      scenario.ms = Math.max(scenario.ms, ms)
      if (scenario.writes) scenario.results.push(await contents(scenario.writes(dir)))
    })
  }
}

async function killOnce(scenario: Scenario): Promise<void> {
  const signal = SIGNALS[Math.floor(random() * SIGNALS.length)]
  const isTwice = random() < 0.2
  const after = random() * 1.1 * scenario.ms
  const isOver = random() < 0.3 && !scenario.name.startsWith('pull')
  await inFolder(async (dir) => {
    const complain: Complain = (what) =>
      faults.push(`${scenario.name}, ${signal} after ${Math.round(after)} ms: ${what}`)
    // Sometimes there is a whole model already, which is to be replaced by the same.
    if (scenario.writes && isOver) await start(scenario.commands(dir)[0], dir).ended
    const child = start(scenario.commands(dir)[0], dir)
    await Promise.race([sleep(after), child.ended])
    child.kill(signal)
    if (isTwice) {
      await sleep(random() * 50)
      child.kill(signal)
    }
    const ended = await Promise.race([child.ended, sleep(HUNG).then(() => undefined)])
    if (!ended) {
      complain('hung')
      child.kill('SIGKILL')
      return
    }
    await judge(ended, signal, child, complain)
    count(scenario.name, signal, ended)
    if (!scenario.writes) return
    const left = await contents(scenario.writes(dir))
    for (const [name, hash] of Object.entries(left)) {
      if (!name.startsWith('.') && hash !== scenario.results[0][name]) complain(`${name} is not what it is to be`)
    }
    const again = await start(scenario.commands(dir)[0], dir).ended
    if (again.code !== 0) complain(`the same command then ends with ${again.code}: ${again.stderr.trim()}`)
    else if (!isSame(await contents(scenario.writes(dir)), scenario.results[0]))
      complain('the same command then gives another model')
  })
}

/** Several writers at once; one of them may be ended. */
async function raceOnce(scenario: Scenario): Promise<void> {
  await inFolder(async (dir) => {
    const complain: Complain = (what) => faults.push(`${scenario.name}: ${what}`)
    const commands = scenario.commands(dir).slice(0, 2 + Math.floor(random() * 2))
    const children: Child[] = []
    for (const args of commands) {
      children.push(start(args, dir))
      await sleep(random() < 0.5 ? 0 : random() * 300)
    }
    const signal = random() < 0.5 ? SIGNALS[Math.floor(random() * SIGNALS.length)] : undefined
    if (signal) setTimeout(() => children[0].kill(signal), random() * scenario.ms)
    const all = await Promise.all(children.map(({ ended }) => ended))
    for (const [i, ended] of all.entries()) {
      const isRefused = ended.code === 1 && /already under way/.test(ended.stderr)
      if (signal && i === 0 && !isRefused) await judge(ended, signal, children[0], complain)
      else if (ended.code !== 0 && !isRefused) complain(`ends with ${ended.code}: ${ended.stderr.trim()}`)
      if (isBadlyTold(ended.stderr)) complain(`bad message: ${ended.stderr.trim()}`)
      count(scenario.name, signal && i === 0 ? signal : 'none', ended)
    }
    const left = scenario.writes ? await contents(scenario.writes(dir)) : {}
    const isWhole = scenario.results.some((result) => isSame(left, result))
    if (all.some(({ code }) => code === 0) && !isWhole) complain(`one has succeeded, but there is ${Object.keys(left)}`)
    const again = await start(commands[0], dir).ended
    if (again.code !== 0) complain(`the same command then ends with ${again.code}: ${again.stderr.trim()}`)
  })
}

/** How a command must end that a signal has met. */
async function judge(
  { code, signal: endedBy, stderr }: End,
  signal: NodeJS.Signals,
  child: Child,
  complain: Complain,
): Promise<void> {
  const isRight = code === 0 || endedBy === signal || (code !== null && code === CODES[signal])
  if (!isRight) complain(`ends with ${code ?? endedBy}: ${stderr.trim()}`)
  if (isBadlyTold(stderr)) complain(`bad message: ${stderr.trim()}`)
  for (let waited = 0; child.hasChildren(); waited += 50) {
    if (waited >= ORPHAN) return complain('left a process behind')
    await sleep(50)
  }
}

function isBadlyTold(stderr: string): boolean {
  return /^\s+at .+:\d+:\d+/m.test(stderr) || /unexpected error/.test(stderr)
}

/** Starts molm as the head of a new process group, so that what it leaves running is found. */
function start(args: string[], dir: string) {
  const began = performance.now()
  const folders = { MOLM_HOME: join(dir, 'home'), HF_HOME: join(dir, 'hf') }
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: dir,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...folders, HF_ENDPOINT: hub.endpoint, MOLM_MODEL: undefined },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const closed = once(child, 'close')
  const ended = once(child, 'exit').then(async ([code, signal]): Promise<End> => {
    const ms = performance.now() - began
    // Its output may arrive later, or never end if a process it left behind holds the pipe.
    await Promise.race([closed, sleep(500)])
    return { code, signal, stderr, ms }
  })
  return {
    ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    hasChildren(): boolean {
      try {
        return child.pid !== undefined && process.kill(-child.pid, 0)
      } catch {
        return false
      }
    },
  }
}

/** SHA-256 of each file in a folder, by name; folders by name alone. */
async function contents(dir: string): Promise<Contents> {
  const found: Contents = {}
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const bytes = entry.isFile() ? await readFile(join(dir, entry.name)) : undefined
    found[entry.name] = bytes ? createHash('sha256').update(bytes).digest('hex') : 'folder'
  }
  return found
}

function isSame(a: Contents, b: Contents): boolean {
  const names = Object.keys({ ...a, ...b })
  return names.every((name) => a[name] === b[name])
}

async function inFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(home, 'round-'))
  try {
    await mkdir(join(dir, 'home'))
    await use(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function count(name: string, signal: string, { code, signal: endedBy }: End): void {
  const row = counts.get(name) ?? { ended: {}, first: 0, gave: 0, refused: 0, killed: 0 }
  counts.set(name, row)
  row.ended[signal] = (row.ended[signal] ?? 0) + 1
  if (code === 0) row.first++
  else if (endedBy) row.killed++
  else if (code === 1) row.refused++
  else row.gave++
}

function report(): void {
  console.log(
    '| command | started | SIGKILL | SIGINT | SIGTERM | SIGHUP | finished | ended by itself | ended by the signal | refused |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|---|')
  for (const [name, { ended, first, gave, killed, refused }] of counts) {
    const all = Object.values(ended).reduce((sum, n) => sum + n, 0)
    const signals = SIGNALS.map((signal) => ended[signal] ?? 0)
    console.log(`| ${[name, all, ...signals, first, gave, killed, refused].join(' | ')} |`)
  }
  console.log(`\nseed ${values.seed}, ${values.minutes} minutes: ${faults.length} faults`)
  for (const fault of faults) console.log(`- ${fault}`)
  if (faults.length > 0) process.exitCode = 1
}
