// Runs test/smoke on other versions of Node, after `npm test` has compiled it: on each version with proven V8 flags
// (src/kernels/compiler/v8-flags.ts) and on the newest, with those flags, and the kernels without any; and on Bun. `npm run
// test:all` has run it on its own Node with the flags.
//
//   node scripts/smoke.mjs            all of them
//   node scripts/smoke.mjs 24 bun     these
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { PROVEN, provenOn } from '../dist/kernels/compiler/v8-flags.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const wanted = process.argv.slice(2)
const versions = wanted.length > 0 ? wanted : [...PROVEN.map(({ node }) => String(node)), 'latest', 'bun']
const tried = new Set()
let passed = 0
let failed = 0

for (const version of versions) {
  const node = find(version)
  const name = node?.bun ?? node?.node
  if (node === undefined || tried.has(name)) continue
  tried.add(name)
  if (version === 'bun') {
    smoke(node, 'without flags', 'none', '(command-line|kernels)')
    continue
  }
  const isTested = wanted.length === 0 && node.path === process.execPath
  const hasFlags = provenOn(node.v8)
  if (hasFlags && !isTested) smoke(node, 'with the flags of its line', '')
  // The command line compares its texts with and without flags itself.
  smoke(node, 'without flags', 'none', hasFlags ? '(kernels|other-modules)' : '.*')
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** Path and versions of an executable, from npm's package `node` or `bun`. A version that is unavailable is a failure. */
function find(version) {
  const own = process.versions
  if (version === own.node.split('.')[0]) return { path: process.execPath, node: own.node, v8: own.v8 }
  const print = 'process.stdout.write(JSON.stringify({ path: process.execPath, ...process.versions }))'
  const [name, tool] = version === 'bun' ? ['bun', 'bun'] : [`node@${version}`, 'node']
  const { status, stdout, stderr, error } = run('npx', ['-y', '-p', name, tool, '-e', print], {}, 300)
  if (status === 0) return JSON.parse(stdout)
  failed++
  console.log(`${name} is unavailable: ${error?.message ?? firstLine(stderr)}`)
}

/** `files`: a pattern of names. Bun has another engine than V8, and no flags of it to leave alone. */
function smoke({ path, node, v8, bun }, how, MOLM_V8_FLAGS, files = '.*') {
  const start = performance.now()
  const args = ['node_modules/uvu/bin.js', 'build/test', `smoke/${files}.*\\.test\\.js$`]
  const { status, stdout, stderr, error } = run(path, args, { MOLM_V8_FLAGS }, 180)
  const total = count(stdout, 'Total')
  const good = count(stdout, 'Passed')
  // A run that ended before its summary has failed, too.
  const bad = total > good ? total - good : Number(status !== 0 || total === 0)
  passed += good
  failed += bad
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  console.log(`${bun ? `Bun ${bun}` : `Node ${node} (V8 ${v8})`} ${how}: ${good} passed, ${bad} failed, ${seconds} s`)
  if (bad > 0) console.log(error?.message ?? '', stdout, stderr)
}

function run(command, args, variables, seconds) {
  // Node warns on stderr if both are set, and uvu sets the latter.
  const { NO_COLOR, FORCE_COLOR, ...env } = process.env
  const options = { cwd: root, env: { ...env, ...variables }, encoding: 'utf8', timeout: seconds * 1000 }
  return spawnSync(command, args, options)
}

function count(output, name) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const plain = output.replace(/\x1b\[[0-9;]*m/g, '')
  return Number(new RegExp(`^\\s*${name}:\\s*(\\d+)`, 'm').exec(plain)?.[1] ?? 0)
}

function firstLine(text) {
  return text.trim().split('\n')[0]
}
