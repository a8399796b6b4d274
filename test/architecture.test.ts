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
    'ablation',
    'experts',
    'evaluation',
    'benchmark',
    'library',
    'prompt-cache',
    'tools',
    'session',
    'conversations',
    'engine',
    'grammar',
    'architectures',
    'text',
    'api',
    'model',
    'packing',
    'files',
    'terminal',
    'common-prefix',
    'generation-options',
    'in-order',
    'json',
    'csv',
    'errors',
    'numbers',
    'printable',
    'spelling',
    'version',
  ],
  server: [
    'experts',
    'evaluation',
    'prompt-cache',
    'session',
    'text',
    'api',
    'model',
    'sampling',
    'checkpoint',
    'generation-options',
    'in-turns',
    'json',
    'errors',
    'numbers',
    'spelling',
  ],
  page: ['pictures', 'experts', 'conversations', 'api', 'model', 'packing', 'terminal', 'json', 'numbers'],
  tui: [
    'pictures',
    'experts',
    'library',
    'prompt-cache',
    'tools',
    'session',
    'conversations',
    'text',
    'api',
    'model',
    'files',
    'checkpoint',
    'markdown',
    'terminal',
    'common-prefix',
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
    'bit-budget',
    'surgery',
    'ablation',
    'experts',
    'evaluation',
    'benchmark',
    'library',
    'hub',
    'rounding',
    'api',
    'model',
    'packing',
    'errors',
  ],
  teaching: [
    'pictures',
    'surgery',
    'experts',
    'evaluation',
    'library',
    'hub',
    'rounding',
    'training',
    'architectures',
    'api',
    'model',
    'packing',
    'sampling',
    'files',
    'option-checks',
    'json',
    'errors',
    'numbers',
  ],
  pictures: ['ablation', 'experts', 'api', 'model', 'terminal', 'errors', 'numbers', 'printable'],
  'bit-budget': ['surgery', 'evaluation', 'library', 'api', 'model', 'packing', 'errors'],
  surgery: [
    'ablation',
    'experts',
    'evaluation',
    'library',
    'architectures',
    'api',
    'model',
    'packing',
    'files',
    'checkpoint',
    'errors',
  ],
  ablation: ['experts', 'evaluation', 'api', 'model', 'files', 'in-order', 'json', 'csv', 'errors'],
  experts: [
    'evaluation',
    'engine',
    'nn',
    'weights',
    'api',
    'model',
    'packing',
    'files',
    'checkpoint',
    'json',
    'csv',
    'errors',
    'numbers',
    'printable',
  ],
  evaluation: [
    'api',
    'model',
    'sampling',
    'files',
    'common-prefix',
    'platform',
    'in-order',
    'json',
    'errors',
    'numbers',
  ],
  benchmark: ['api', 'model', 'generation-options', 'errors'],
  library: [
    'hub',
    'rounding',
    'session',
    'engine',
    'grammar',
    'architectures',
    'weights',
    'text',
    'gguf',
    'api',
    'model',
    'packing',
    'runtime',
    'files',
    'checkpoint',
    'option-checks',
    'json',
    'errors',
    'numbers',
    'spelling',
  ],
  hub: ['gguf', 'packing', 'files', 'checkpoint', 'platform', 'errors', 'numbers', 'printable'],
  rounding: ['api', 'model', 'packing', 'sampling', 'platform', 'generation-options', 'errors', 'numbers'],
  'prompt-cache': ['api', 'model', 'files', 'checkpoint', 'common-prefix', 'platform', 'errors', 'version'],
  tools: ['session', 'api', 'files', 'platform', 'json', 'errors', 'numbers', 'printable', 'spelling'],
  session: [
    'engine',
    'grammar',
    'text',
    'api',
    'model',
    'sampling',
    'common-prefix',
    'platform',
    'generation-options',
    'option-checks',
    'errors',
  ],
  conversations: ['text', 'api', 'model', 'files', 'in-order', 'json', 'errors', 'numbers', 'printable'],
  engine: [
    'training',
    'grammar',
    'architectures',
    'nn',
    'weights',
    'api',
    'model',
    'packing',
    'sampling',
    'runtime',
    'checkpoint',
    'common-prefix',
    'platform',
    'generation-options',
    'errors',
    'numbers',
  ],
  training: ['architectures', 'nn', 'weights', 'api', 'model', 'packing', 'runtime', 'errors', 'exp'],
  grammar: ['api', 'platform', 'in-turns', 'json', 'errors'],
  architectures: ['nn', 'weights', 'model', 'packing', 'runtime', 'json', 'errors', 'numbers'],
  nn: ['weights', 'model', 'packing', 'runtime', 'errors', 'exp'],
  weights: ['packing', 'runtime'],
  text: [
    'api',
    'checkpoint',
    'platform',
    'generation-options',
    'option-checks',
    'in-turns',
    'json',
    'errors',
    'printable',
  ],
  gguf: ['packing', 'checkpoint', 'errors', 'printable'],
  api: ['model', 'packing', 'generation-options'],
  model: ['packing', 'option-checks', 'json', 'errors', 'printable'],
  packing: ['runtime', 'files', 'checkpoint', 'platform', 'option-checks', 'json', 'errors', 'numbers', 'printable'],
  sampling: ['generation-options', 'errors', 'exp'],
  runtime: ['platform', 'errors'],
  files: ['checkpoint', 'json', 'errors', 'numbers', 'printable'],
  checkpoint: ['platform', 'json', 'errors', 'printable'],
  markdown: ['terminal'],
  terminal: ['numbers', 'printable'],
  'common-prefix': [],
  platform: [],
  'generation-options': ['errors'],
  'option-checks': ['errors', 'spelling'],
  'in-order': [],
  'in-turns': [],
  json: ['errors', 'printable'],
  csv: [],
  errors: [],
  numbers: [],
  exp: [],
  printable: [],
  spelling: [],
  version: [],
}

/**
 * The rooms within a room, from the top down: a file names only those below its own. Files that are directly in the folder
 * of a room put its parts together and may name all of them.
 */
const WITHIN: Record<string, string[]> = {
  tools: ['mcp'],
  cli: ['commands', 'completion', 'parsing', 'io'],
  server: ['page', 'api', 'models', 'http', 'run', 'common'],
  tui: ['screen', 'conversation', 'map', 'input'],
  experts: ['traces'],
  pictures: ['interactive'],
  packing: ['write', 'format'],
  training: ['families', 'layers'],
  gguf: ['tokenizer'],
  session: ['shared'],
  nn: ['cache'],
  engine: ['lookup'],
  runtime: ['tiers', 'threads', 'kernels', 'memory', 'compiler', 'abi'],
  grammar: ['run', 'forms'],
  text: ['frame', 'response', 'tokenizer', 'jinja', 'sandbox'],
}

/**
 * The engine's core: what runs a model. It would run in a browser once `platform` does, so it names neither modules nor
 * globals of Node.
 */
const CORE = [
  'session',
  'engine',
  'training',
  'architectures',
  'nn',
  'weights',
  'api',
  'model',
  'packing/format',
  'sampling',
  'runtime',
  'checkpoint',
]
const GLOBALS_OF_NODE = /\b(process|Buffer|NodeJS|__dirname|setImmediate)\b/

/**
 * Houses, with their rooms and the most lines that they may have: of TypeScript, CSS and HTML, comments among them. A
 * budget may only fall. A change that raises one says why in the body of its commit.
 */
const BUDGETS: Record<string, { rooms: string[]; lines: number }> = {
  ground: {
    rooms: [
      ...['files', 'platform', 'errors', 'json', 'csv', 'numbers', 'printable', 'spelling', 'exp', 'in-order'],
      ...['in-turns', 'common-prefix', 'version', 'option-checks'],
    ],
    lines: 1666,
  },
  kernels: { rooms: ['runtime'], lines: 3737 },
  model: { rooms: ['model', 'nn', 'architectures', 'weights', 'packing', 'checkpoint', 'gguf'], lines: 13601 },
  api: { rooms: ['api', 'generation-options'], lines: 1427 },
  text: { rooms: ['text', 'grammar'], lines: 11803 },
  engine: { rooms: ['engine', 'sampling', 'training', 'session'], lines: 8919 },
  library: { rooms: ['index', 'library', 'hub', 'rounding'], lines: 5113 },
  chat: { rooms: ['conversations', 'prompt-cache', 'tools'], lines: 2911 },
  lab: {
    rooms: ['experts', 'pictures', 'evaluation', 'surgery', 'ablation', 'bit-budget', 'teaching', 'benchmark'],
    lines: 12023,
  },
  server: { rooms: ['server'], lines: 6422 },
  page: { rooms: ['page'], lines: 6760 },
  terminal: { rooms: ['tui', 'markdown', 'terminal'], lines: 9963 },
  cli: { rooms: ['cli'], lines: 8969 },
}
/** Lines of the tests and of what they need, fixtures not among them. */
const TESTS = { rooms: ['tests'], lines: 74393 }
/** Lines that a house may have less than its budget before that has to fall, too. */
const SLACK = 50

/** Packages that only these rooms know. */
const PACKAGES: Record<string, string[]> = {
  commander: ['cli'],
  ink: ['tui'],
  react: ['tui'],
  '@huggingface/hub': ['hub'],
  '@huggingface/jinja': ['text'],
  '@resvg/resvg-wasm': ['pictures'],
  '@lezer/common': ['page'],
  '@lezer/markdown': ['page'],
  hono: ['server'],
  '@hono/node-server': ['server'],
  zod: ['server'],
  'prom-client': ['server'],
}

/**
 * Files that name stdout or stderr in another way than to ask for its properties or to call `writePrintable`, with the
 * times they do, and the files that write to the console. All other text for the terminal passes `writePrintable`.
 */
const WRITERS: Record<string, number> = {
  'cli/commands/rm.ts': 1, // a question of printable text
  'cli/io/loading-terminal.ts': 1, // the chat's terminal: the lines that it draws are made printable in tui/screen/screen.ts
  'cli/io/status-line.ts': 2, // printable text behind cursor movements
  'server/models/served-models.ts': 1, // for servers in a program of one's own
  'text/sandbox/ask-once.ts': 1, // a pipe to the parent process
  'tui/start-chat.ts': 1, // the lines of a plain screen, which calls writePrintable
}
const NOT_WRITING =
  /writePrintable\(\s*process\.\w+|colourDepth\(process\.\w+\)|process\.(stdout|stderr)\.(isTTY|columns|on)\b/g

const test = suite('the architecture')

interface Import {
  file: string
  room: string
  target: string
  /** Whether it is the address of a script that a thread or process of its own runs. */
  isAddress: boolean
}

/** The folder within its room that a file is in, or undefined if it is directly in the room's folder. */
function innerRoomOf(path: string): string | undefined {
  const [, inner, file] = path.split('/')
  return file === undefined ? undefined : inner
}

/** The file of src that an import names. */
const fileOf = (target: string): string =>
  [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx')].find((file) => files.includes(file)) ?? target

/** The room of a file below src: its first folder, or its own name if it has none. */
const roomOf = (path: string): string => path.split('/')[0].replace(/\.[jt]sx?$/, '')

function importsOf(file: string): Import[] {
  const source = readFileSync(repositoryPath(`src/${file}`), 'utf8')
  return [...source.matchAll(/(from|import|import\(|URL\()\s*'([^']+)'/g)].map(([, how, specifier]) => {
    const target = specifier.startsWith('.') ? new URL(specifier, `file:///${file}`).pathname.slice(1) : specifier
    return { file, room: roomOf(file), target, isAddress: how === 'URL(' }
  })
}

/** A source without comments and without texts in single quotes. */
const withoutComments = (source: string): string => source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|'[^'\n]*'/gm, '')

const files = readdirSync(repositoryPath('src'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path))
const imports = files.flatMap(importsOf)
const inside = imports.filter(
  ({ target }) => files.includes(target.replace(/\.js$/, '.ts')) || files.includes(target.replace(/\.js$/, '.tsx')),
)
const importedBy = new Map(files.map((file) => [file, inside.filter((one) => one.file === file && !one.isAddress)]))
const rooms = Object.keys(KNOWS)

test('every room has a row, and every row a room', () => {
  assert.equal([...new Set(files.map(roomOf))].sort(), [...rooms].sort())
})

test('no file knows a room that the row of its own does not name', () => {
  assert.ok(inside.length > 100, 'imports were found')
  const roundabout = imports.filter(({ target }) => target.startsWith('#molm/'))
  assert.equal(roundabout, [], 'an import by #molm/ would pass by the table')
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

test('within a room knowledge runs downward, too', () => {
  const divided = [...new Set(files.filter((file) => innerRoomOf(file)).map(roomOf))]
  assert.equal(divided.sort(), Object.keys(WITHIN).sort())
  const upward = inside.filter(({ file, room, target }) => {
    const from = innerRoomOf(file)
    if (roomOf(target) !== room || from === undefined) return false
    const to = innerRoomOf(target)
    return to === undefined || WITHIN[room].indexOf(to) < WITHIN[room].indexOf(from)
  })
  assert.equal(
    upward.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('no file is imported by one that it imports, by way of others either', () => {
  const reached = new Map<string, Set<string>>()
  const reach = (file: string): Set<string> => {
    const known = reached.get(file)
    if (known) return known
    const all = new Set<string>()
    reached.set(file, all)
    const open = [file]
    for (let from = open.pop(); from !== undefined; from = open.pop()) {
      for (const { target } of importedBy.get(from) ?? []) {
        const to = fileOf(target)
        if (!all.has(to)) open.push(to)
        all.add(to)
      }
    }
    return all
  }
  assert.equal(
    files.filter((file) => reach(file).has(file)),
    [],
  )
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

test('all text for the terminal passes the function that makes it printable', () => {
  const counts = files.map((file) => {
    const source = withoutComments(readFileSync(repositoryPath(`src/${file}`), 'utf8')).replaceAll(NOT_WRITING, '')
    const named = source.match(/process\.(stdout|stderr)\b|\bconsole\.|[{,]\s*(stdout|stderr)\b[^}]*}\s*=\s*process\b/g)
    return [file, named?.length ?? 0] as const
  })
  assert.equal(Object.fromEntries(counts.filter(([, count]) => count > 0)), WRITERS)
})

/** Lines of the TypeScript, CSS and HTML in a folder of the repository, by path. */
const linesIn = (folder: string): [path: string, lines: number][] =>
  readdirSync(repositoryPath(folder), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => /\.(tsx?|css|html)$/.test(path) && !path.startsWith('fixtures/'))
    .map((path) => [path, readFileSync(repositoryPath(`${folder}/${path}`), 'utf8').split('\n').length - 1])

test('no house has more lines than its budget, and no budget is larger than its house needs', () => {
  const budgets = Object.values(BUDGETS)
  assert.equal(budgets.flatMap((house) => house.rooms).sort(), [...rooms].sort())
  const counted = [...linesIn('src'), ...linesIn('test').map(([, lines]) => ['tests', lines] as const)]
  for (const [house, budget] of [...Object.entries(BUDGETS), ['tests', TESTS] as const]) {
    const own = counted.filter(([path]) => budget.rooms.includes(roomOf(path)))
    const lines = own.reduce((sum, [, lines]) => sum + lines, 0)
    assert.ok(lines <= budget.lines, `${house} has ${lines} lines, ${lines - budget.lines} more than its budget`)
    assert.ok(lines > budget.lines - SLACK, `${house} has ${lines} lines; lower its budget from ${budget.lines}`)
  }
})

const isCore = (file: string): boolean => CORE.some((room) => file.startsWith(`${room}/`))

test("the engine's core imports no module of Node", () => {
  const core = imports.filter(({ file }) => isCore(file))
  assert.ok(core.length > 100, 'imports were found')
  assert.equal(
    core.filter(({ target }) => target.startsWith('node:')).map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test("the engine's core names no global of Node", () => {
  const naming = files
    .filter(isCore)
    .filter((file) => GLOBALS_OF_NODE.test(withoutComments(readFileSync(repositoryPath(`src/${file}`), 'utf8'))))
  assert.equal(naming, [])
})

test('nothing that an engine reads imports a module of Node, but platform', () => {
  const read = [...readWith('engine/worker.js')].map((file) => file.replace(/\.js$/, '.ts'))
  assert.ok(read.includes('platform/threads.ts'))
  const naming = imports.filter(({ file, target }) => read.includes(file) && target.startsWith('node:'))
  assert.equal(
    naming.filter(({ room }) => room !== 'platform').map(({ file, target }) => `${file} -> ${target}`),
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

// V8 11.3 aborts the whole process if a thread is ended just as a module with a top-level `await` starts.
test('no module of a thread awaits at its top level', () => {
  const entries = files.flatMap(threadsOf)
  assert.ok(entries.includes('engine/worker.js') && entries.includes('engine/read-ahead-thread.js'))
  const awaiting = [...new Set(entries.flatMap((entry) => [...readWith(entry)]))].filter((file) =>
    /^(?![ /*]|.*\basync\b).*\bawait\b/m.test(readFileSync(repositoryPath(`dist/${file}`), 'utf8')),
  )
  assert.equal(awaiting, [])
})

/** Files of dist that a file of src starts as threads. */
function threadsOf(file: string): string[] {
  const source = readFileSync(repositoryPath(`src/${file}`), 'utf8')
  return [...source.matchAll(/startThread\(new URL\('([^']+)'/g)].map(([, name]) =>
    new URL(name, `file:///${file}`).pathname.slice(1),
  )
}

test('an engine that only runs a model reads nothing of training', () => {
  const read = [...readWith('engine/worker.js')]
  assert.ok(read.includes('nn/decoder.js'))
  assert.equal(
    read.filter((file) => /training|backward/.test(file)),
    [],
  )
})

test('a start of the command line reads nothing that only a slip or weights need', () => {
  const read = [
    ...readWith('cli/program.js'),
    ...readWith('cli/commands/run/run.js'),
    ...readWith('cli/commands/chat.js'),
  ]
  assert.ok(read.includes('cli/parsing/command-line.js'))
  assert.equal(
    read.filter((file) => /wrong-words|foreign-|safetensors/.test(file)),
    [],
  )
})

test.run()
