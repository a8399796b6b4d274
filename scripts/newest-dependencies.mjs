// Runs the tests of code that depends on other packages, with the newest versions that package.json allows. A user who
// installs molm without its lock file gets these. It needs the network, so `npm test` leaves it out; .ci/run calls it
// after `npm test` has compiled the tests. The last line is `N passed, N failed`.
//   node scripts/newest-dependencies.mjs
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Packages for development that these tests use. The others would take most of the time of the installation. */
const CLIENTS = [
  '@ai-sdk/anthropic',
  '@ai-sdk/openai',
  '@ai-sdk/openai-compatible',
  '@huggingface/ollama-utils',
  '@langchain/core',
  '@langchain/ollama',
  '@langchain/openai',
  '@xterm/headless',
  'ai',
  '@anthropic-ai/sdk',
  'openai',
  'uvu',
]
/** Patterns of tests by the packages that they are for. Those run that have a newer version, or need one that has. */
const TESTS = {
  'smoke/command-line': ['commander', 'hono', 'ink', 'react', 'zod', '@huggingface/hub', '@huggingface/jinja'],
  'cli/help': ['commander'],
  'text/chat-template': ['@huggingface/jinja'],
  'text/published-templates': ['@huggingface/jinja'],
  'server/chat-completions': ['hono', '@hono/node-server', 'zod'],
  'server/clients': ['hono', ...CLIENTS.filter((name) => name !== '@xterm/headless')],
  'server/messages': ['hono', '@anthropic-ai/sdk'],
  'server/openai-client': ['hono', 'zod', 'openai'],
  'terminal/chat-screen': ['ink', 'react', '@xterm/headless'],
  'library/hub/pull': ['@huggingface/hub'],
  'insight/pictures/library': ['@resvg/resvg-wasm'],
}
/** All files that the tests read, except installed packages. */
const COPIED = ['package.json', 'bin', 'dist', 'build/test', 'docs', 'models', 'scripts', 'src', 'test', 'README.md']

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'molm-newest-'))
try {
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true })
  keepClients(join(folder, 'package.json'))
  const { status, stderr } = run('npm', ['install', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'])
  if (status !== 0) throw new Error(`npm install failed: ${stderr}`)
  const wanted = Object.keys(TESTS).filter((test) => TESTS[test].some((name) => isNewer(name)))
  reportNewer()
  if (wanted.length === 0) console.log('0 passed, 0 failed')
  else runTests(wanted)
} catch (error) {
  console.log(`${error.message}\n0 passed, 1 failed`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function runTests(patterns) {
  const { stdout } = run('npx', ['uvu', 'build/test', `^(${patterns.join('|')}).*\\.test\\.js$`])
  const [total, passed] = ['Total', 'Passed'].map((name) => count(stdout, name))
  if (passed < total || total === 0) console.log(stdout)
  console.log(`${passed} passed, ${Math.max(total - passed, total === 0 ? 1 : 0)} failed`)
  process.exitCode = passed < total || total === 0 ? 1 : 0
}

/** Whether a package, or one that it needs, has another version than in the checkout. Throws if it is not installed. */
function isNewer(name, seen = new Set()) {
  if (seen.has(name)) return false
  seen.add(name)
  const [here, there] = [root, folder].map((base) => manifestIn(base, name))
  if (!there) {
    if (seen.size === 1) throw new Error(`${name} is not installed`)
    return false
  }
  if (here?.version !== there.version) return true
  return Object.keys(there.dependencies ?? {}).some((other) => isNewer(other, seen))
}

function keepClients(path) {
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  const { devDependencies } = manifest
  manifest.devDependencies = Object.fromEntries(CLIENTS.map((name) => [name, devDependencies[name]]))
  writeFileSync(path, JSON.stringify(manifest))
}

/** Prints the packages with newer versions than in the checkout. */
function reportNewer() {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const newer = [...Object.keys({ ...dependencies, ...optionalDependencies }), ...CLIENTS].flatMap((name) => {
    const [here, there] = [root, folder].map((base) => manifestIn(base, name)?.version)
    return here && there && here !== there ? [`${name} ${there}, locked ${here}`] : []
  })
  console.log(newer.length > 0 ? `newer: ${newer.join('; ')}` : 'all packages are the newest that package.json allows')
}

function manifestIn(base, name) {
  const path = join(base, 'node_modules', name, 'package.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

function run(command, args) {
  const { NO_COLOR, FORCE_COLOR, ...env } = process.env
  return spawnSync(command, args, { cwd: folder, env, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 600_000 })
}

function count(output, name) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const plain = (output ?? '').replace(/\x1b\[[0-9;]*m/g, '')
  return Number(new RegExp(`^\\s*${name}:\\s*(\\d+)`, 'm').exec(plain)?.[1] ?? 0)
}
