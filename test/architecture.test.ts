import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from './support/fixtures.js'

/*
 * docs/ARCHITECTURE.md prints it: which rooms each room knows. Knowledge runs downward only, so a room names only rooms
 * that come after it here.
 */
const KNOWS: Record<string, string[]> = {
  cli: [
    'server',
    'tui',
    'index',
    'teaching',
    'pictures',
    'experts',
    'evaluation',
    'benchmark',
    'library',
    'generation',
    'engine',
    'architectures',
    'model',
    'packing',
    'text',
    'files',
    'terminal',
    'generation-options',
    'json',
    'errors',
    'numbers',
    'printable',
    'spelling',
  ],
  server: [
    'pictures',
    'experts',
    'evaluation',
    'generation',
    'model',
    'text',
    'sampling',
    'generation-options',
    'json',
    'errors',
    'numbers',
    'spelling',
  ],
  page: ['pictures', 'experts', 'generation', 'model', 'packing', 'numbers'],
  tui: [
    'pictures',
    'experts',
    'library',
    'generation',
    'model',
    'text',
    'files',
    'checkpoint',
    'terminal',
    'generation-options',
    'json',
    'errors',
    'numbers',
    'printable',
    'spelling',
  ],
  index: [
    'teaching',
    'pictures',
    'surgery',
    'experts',
    'evaluation',
    'benchmark',
    'library',
    'hub',
    'generation',
    'model',
    'packing',
    'text',
    'errors',
  ],
  teaching: [
    'pictures',
    'surgery',
    'evaluation',
    'library',
    'hub',
    'generation',
    'architectures',
    'training',
    'model',
    'packing',
    'sampling',
    'files',
    'option-checks',
    'json',
    'errors',
    'numbers',
  ],
  pictures: ['experts', 'generation', 'model', 'terminal', 'errors', 'numbers', 'printable'],
  surgery: [
    'experts',
    'evaluation',
    'library',
    'generation',
    'architectures',
    'model',
    'packing',
    'files',
    'checkpoint',
    'errors',
  ],
  experts: ['generation', 'engine', 'model', 'checkpoint', 'json', 'errors'],
  evaluation: ['generation', 'sampling', 'model', 'files', 'json', 'errors', 'numbers'],
  benchmark: ['generation', 'errors', 'numbers'],
  library: [
    'hub',
    'generation',
    'engine',
    'architectures',
    'weights',
    'model',
    'packing',
    'text',
    'runtime',
    'files',
    'checkpoint',
    'option-checks',
    'json',
    'errors',
    'numbers',
    'spelling',
  ],
  hub: ['architectures', 'packing', 'files', 'checkpoint', 'errors', 'numbers', 'printable'],
  generation: [
    'engine',
    'training',
    'model',
    'packing',
    'text',
    'sampling',
    'generation-options',
    'option-checks',
    'errors',
  ],
  engine: [
    'architectures',
    'training',
    'nn',
    'weights',
    'model',
    'packing',
    'sampling',
    'runtime',
    'checkpoint',
    'generation-options',
    'errors',
    'numbers',
  ],
  architectures: ['nn', 'weights', 'model', 'packing', 'runtime', 'json', 'errors', 'numbers'],
  training: ['nn', 'weights', 'model', 'packing', 'runtime', 'errors'],
  nn: ['weights', 'model', 'packing', 'runtime', 'exp', 'errors'],
  weights: ['packing', 'runtime'],
  model: ['packing', 'option-checks', 'json', 'errors', 'printable'],
  packing: ['runtime', 'files', 'checkpoint', 'option-checks', 'json', 'errors', 'numbers', 'printable'],
  text: ['checkpoint', 'generation-options', 'option-checks', 'json', 'errors', 'printable'],
  sampling: ['generation-options', 'exp', 'errors'],
  runtime: ['errors'],
  files: ['checkpoint', 'json', 'errors', 'numbers', 'printable'],
  checkpoint: ['json', 'errors', 'printable'],
  terminal: ['numbers', 'printable'],
  'generation-options': ['errors'],
  'option-checks': ['errors', 'spelling'],
  json: ['errors', 'printable'],
  errors: [],
  numbers: [],
  exp: [],
  printable: [],
  spelling: [],
}

/** Packages that only these rooms know. */
const PACKAGES: Record<string, string[]> = {
  commander: ['cli'],
  ink: ['tui'],
  react: ['tui'],
  '@huggingface/hub': ['hub'],
  '@huggingface/jinja': ['text'],
  '@resvg/resvg-wasm': ['pictures'],
  hono: ['server'],
  '@hono/node-server': ['server'],
  zod: ['server'],
  'prom-client': ['server'],
}

const test = suite('the architecture')

interface Import {
  file: string
  room: string
  target: string
}

/** The room of a file below src: its folder, or its own name where it lies in none. */
const roomOf = (path: string): string => path.split('/')[0].replace(/\.[jt]sx?$/, '')

function importsOf(file: string): Import[] {
  const source = readFileSync(repositoryPath(`src/${file}`), 'utf8')
  return [...source.matchAll(/(?:from|import|import\(|URL\()\s*'([^']+)'/g)].map(([, specifier]) => {
    const target = specifier.startsWith('.') ? new URL(specifier, `file:///${file}`).pathname.slice(1) : specifier
    return { file, room: roomOf(file), target }
  })
}

const files = readdirSync(repositoryPath('src'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path))
const imports = files.flatMap(importsOf)
const inside = imports.filter(
  ({ target }) => files.includes(target.replace(/\.js$/, '.ts')) || files.includes(target.replace(/\.js$/, '.tsx')),
)
const rooms = Object.keys(KNOWS)

test('every room has a row, and every row a room', () => {
  assert.equal([...new Set(files.map(roomOf))].sort(), [...rooms].sort())
})

test('no file knows a room that the row of its own does not name', () => {
  assert.ok(inside.length > 100, 'imports were found')
  const strangers = inside.filter(({ room, target }) => {
    const other = roomOf(target)
    return other !== room && !KNOWS[room].includes(other)
  })
  assert.equal(
    strangers.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('no row names a room that nothing is imported from', () => {
  const used = new Set(inside.map(({ room, target }) => `${room} -> ${roomOf(target)}`))
  const named = rooms.flatMap((room) => KNOWS[room].map((other) => `${room} -> ${other}`))
  assert.equal(
    named.filter((arrow) => !used.has(arrow)),
    [],
  )
})

test('knowledge runs downward only', () => {
  const upward = rooms.flatMap((room, place) => KNOWS[room].filter((other) => rooms.indexOf(other) <= place))
  assert.equal(upward, [])
})

test('a package is known to the room that is there for it, and to no other', () => {
  const outside = imports.filter(({ target }) => !target.startsWith('node:') && !rooms.includes(roomOf(target)))
  const strangers = outside.filter(({ room, target }) => {
    const name = Object.keys(PACKAGES).find((name) => target === name || target.startsWith(`${name}/`))
    return name !== undefined && !PACKAGES[name].includes(room)
  })
  assert.equal(
    strangers.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('docs/ARCHITECTURE.md prints the rows', () => {
  const text = readFileSync(repositoryPath('docs/ARCHITECTURE.md'), 'utf8')
  for (const room of rooms) {
    const row = text
      .split('\n')
      .find((line) => line.startsWith(`| \`${room}\` |`) || line.startsWith(`| \`${room}.ts\` |`))
    assert.ok(row?.endsWith(`| ${KNOWS[room].join(', ') || '-'} |`), `the row of ${room}: ${row}`)
  }
})

/** Files that are read with one of dist, for which nothing has to be called. */
function readWith(file: string, read = new Set<string>()): Set<string> {
  if (read.has(file)) return read
  read.add(file)
  const source = readFileSync(repositoryPath(`dist/${file}`), 'utf8')
  for (const [, specifier] of source.matchAll(/^(?:import|export)[^;]*?from '(\.[^']+)'/gm)) {
    readWith(new URL(specifier, `file:///${file}`).pathname.slice(1), read)
  }
  return read
}

test('an engine that only runs a model reads nothing of training', () => {
  const read = [...readWith('engine/worker.js')]
  assert.ok(read.includes('nn/decoder.js'))
  assert.equal(
    read.filter((file) => /training|backward/.test(file)),
    [],
  )
})

test('a start of the command line reads nothing that only a slip or a saved conversation needs', () => {
  const read = [...readWith('cli/program.js'), ...readWith('cli/run.js'), ...readWith('cli/chat.js')]
  assert.ok(read.includes('cli/command-line.js'))
  assert.equal(
    read.filter((file) => /wrong-words|foreign-|conversation-file|safetensors/.test(file)),
    [],
  )
})

test.run()
