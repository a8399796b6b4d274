import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from './support/fixtures.js'

/*
 * The houses, and which of them each knows; docs/ARCHITECTURE.md prints it. Knowledge runs downward only, so a house names
 * only houses that come after it here.
 */
const KNOWS: Record<string, string[]> = {
  program: ['lab', 'cli', 'ground'],
  lab: ['cli', 'index', 'insight', 'library', 'engine', 'text', 'api', 'model', 'ground'],
  cli: [
    'terminal',
    'server',
    'index',
    'insight',
    'chat',
    'library',
    'engine',
    'text',
    'api',
    'model',
    'kernels',
    'ground',
  ],
  site: ['page', 'server', 'browser', 'insight', 'api', 'ground'],
  terminal: ['insight', 'chat', 'library', 'engine', 'text', 'api', 'model', 'ground'],
  page: ['insight', 'chat', 'api', 'model', 'ground'],
  server: ['insight', 'chat', 'engine', 'text', 'api', 'model', 'ground'],
  index: ['insight', 'library', 'api', 'model', 'ground'],
  browser: ['insight', 'library', 'engine', 'api', 'model', 'ground'],
  pictures: ['insight'],
  insight: ['engine', 'api', 'model', 'ground'],
  chat: ['engine', 'text', 'api', 'model', 'ground'],
  library: ['engine', 'text', 'api', 'model', 'kernels', 'ground'],
  engine: ['text', 'api', 'model', 'kernels', 'ground'],
  text: ['api', 'model', 'ground'],
  api: ['model', 'ground'],
  model: ['kernels', 'ground'],
  kernels: ['ground'],
  ground: [],
}

/**
 * The folders within a folder, from the top down: a file names only those below its own. Files that are directly in the
 * folder have the place of `.`.
 */
const WITHIN: Record<string, string[]> = {
  chat: ['conversations', 'prompt-cache', 'tools', 'markdown'],
  'chat/tools': ['.', 'mcp'],
  cli: ['.', 'commands', 'setup', 'parsing', 'io'],
  'cli/commands': ['.', 'run', 'config'],
  engine: ['session', 'run', 'sampling', 'training'],
  'engine/run': ['.', 'lookup', 'sequences', 'recording', 'messages', 'reading'],
  'engine/session': ['.', 'generation', 'shared'],
  'engine/training': ['.', 'families', 'layers'],
  ground: ['files', 'json', 'output', '.', 'platform'],
  kernels: ['.', 'threads', 'tiers', 'calls', 'compiler', 'memory', 'abi'],
  'kernels/calls': ['training', '.'],
  insight: ['pictures', 'matters', '.', 'interventions', 'atlas', 'traces', 'usage', 'texts'],
  'insight/pictures': ['html', 'interactive', 'kinds', 'svg', 'text', 'blocks'],
  lab: [
    ...[
      'commands',
      '.',
      'benchmark',
      'bit-budget',
      'teaching',
      'figures',
      'surgery',
      'patching',
      'ablation',
      'atlas',
      'contrast',
    ],
    ...['traces', 'evaluation'],
  ],
  'lab/commands': ['experts', '.', 'reports'],
  library: ['.', 'rounding', 'finding', 'files', 'hub', 'packing', 'machine', 'folders', 'catalogue'],
  'library/hub': ['.', 'transfer'],
  model: ['families', 'gguf', 'layers', 'config', 'weights', 'packing', 'checkpoint'],
  'model/families': ['.', 'bailing', 'granite', 'moduleformer', 'olmo', 'qwen', 'zaya', 'shared'],
  'model/gguf': ['tokenizer', '.', 'config', 'file'],
  'model/layers': ['mixers', '.', 'cache'],
  'model/packing': ['write', 'format'],
  page: ['.', 'views', 'conversations', 'answers', 'experts', 'markdown', 'requests', 'elements'],
  server: ['.', 'api', 'models', 'http', 'page', 'run', 'common'],
  'server/api': ['ollama', 'responses', 'messages', 'openai', '.'],
  terminal: ['.', 'screen', 'conversation', 'input', 'map', 'markdown'],
  'terminal/conversation': ['commands', 'answers', '.', 'state', 'turns'],
  text: ['.', 'grammar', 'jinja', 'prompt', 'answers', 'tokenizer', 'patterns', 'sandbox'],
  'text/grammar': ['.', 'run', 'forms'],
  'text/tokenizer': ['.', 'encoding', 'definition'],
}
/** Folders whose files and folders name each other. */
const MIXED = ['cli/commands/run']

/**
 * The engine's core: what runs a model. It would run in a browser once `platform` does, so it names neither modules nor
 * globals of Node.
 */
const CORE = [
  'engine',
  'api',
  'model/config',
  'model/layers',
  'model/families',
  'model/weights',
  'model/checkpoint',
  'model/packing/format',
  'kernels',
]
const GLOBALS_OF_NODE = /\b(process|Buffer|NodeJS|__dirname|setImmediate)\b/

/** Packages that only these houses know. */
const PACKAGES: Record<string, string | string[]> = {
  commander: ['program', 'lab', 'cli'],
  ink: 'terminal',
  react: 'terminal',
  '@huggingface/hub': 'library',
  '@huggingface/jinja': 'text',
  '@resvg/resvg-wasm': 'insight',
  '@lezer/common': 'chat',
  '@lezer/markdown': 'chat',
  idb: 'page',
  preact: 'page',
  hono: ['site', 'server'],
  '@noble/hashes': 'ground',
  '@hono/node-server': 'server',
  zod: 'server',
  'prom-client': 'server',
  'cross-spawn': 'chat',
  '@eslint-community/regexpp': 'text',
}

/**
 * Files that name stdout or stderr in another way than to ask for its properties or to call `writePrintable`, with the
 * times they do, and the files that write to the console. All other text for the terminal passes `writePrintable`.
 */
const WRITERS: Record<string, number> = {
  'cli/io/loading-terminal.ts': 1, // the chat's terminal: terminal/screen/chat-view.tsx makes its lines printable
  'cli/io/status-line.ts': 2, // printable text behind cursor movements
  'server/models/served-models.ts': 1, // for servers in a program of one's own
  'text/sandbox/ask-once.ts': 1, // a pipe to the parent process
  'terminal/start-chat.ts': 1, // the lines of a plain screen, which calls writePrintable
}
const NOT_WRITING =
  /writePrintable\(\s*process\.\w+|colourDepth\(process\.\w+\)|process\.(stdout|stderr)\.(isTTY|columns|on)\b/g

const test = suite('the architecture')

interface Import {
  file: string
  house: string
  target: string
  /** Whether it is the address of a script that a thread or process of its own runs. */
  isAddress: boolean
}

/** The file of src that an import names. */
const fileOf = (target: string): string =>
  [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx')].find((file) => files.includes(file)) ?? target

/** The house of a file below src: its first folder, or its own name if it has none. */
const houseOf = (path: string): string => path.split('/')[0].replace(/\.[jt]sx?$/, '')

/** The folder directly within `folder` that a file below it is in; `.` if it is in `folder` itself. */
function placeIn(folder: string, file: string): string {
  const [first, ...others] = file.slice(folder.length + 1).split('/')
  return others.length > 0 ? first : '.'
}

function importsOf(file: string): Import[] {
  const source = readFileSync(repositoryPath(`src/${file}`), 'utf8')
  return [...source.matchAll(/(from|import|import\(|URL\()\s*'([^']+)'/g)].map(([, how, specifier]) => {
    const target = specifier.startsWith('.') ? new URL(specifier, `file:///${file}`).pathname.slice(1) : specifier
    return { file, house: houseOf(file), target, isAddress: how === 'URL(' }
  })
}

/** A source without comments and without texts in single quotes. */
const withoutComments = (source: string): string => source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|'[^'\n]*'/gm, '')

const files = readdirSync(repositoryPath('src'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path))
const folders = [
  ...new Set(
    files.flatMap((file) => {
      const parts = file.split('/').slice(0, -1)
      return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
    }),
  ),
]
const imports = files.flatMap(importsOf)
const inside = imports.filter(
  ({ target }) => files.includes(target.replace(/\.js$/, '.ts')) || files.includes(target.replace(/\.js$/, '.tsx')),
)
const importedBy = new Map(files.map((file) => [file, inside.filter((one) => one.file === file && !one.isAddress)]))
const houses = Object.keys(KNOWS)

test('every house has a row and a README, and every row a house', () => {
  assert.equal([...new Set(files.map(houseOf))].sort(), [...houses].sort())
  for (const house of houses.filter((house) => !files.includes(`${house}.ts`))) {
    const lines = readFileSync(repositoryPath(`src/${house}/README.md`), 'utf8')
      .trimEnd()
      .split('\n')
    assert.ok(lines.length <= 15, `src/${house}/README.md has ${lines.length} lines`)
    assert.ok(lines.includes(`It knows ${[...KNOWS[house]].reverse().join(', ') || 'nothing'}.`), `what ${house} knows`)
  }
})

test('no file knows a house that the row of its own does not name', () => {
  assert.ok(inside.length > 100, 'imports were found')
  const roundabout = imports.filter(({ target }) => target.startsWith('#molm/'))
  assert.equal(roundabout, [], 'an import by #molm/ would pass by the table')
  const strangers = inside.filter(({ house, target }) => {
    const other = houseOf(target)
    return other !== house && !KNOWS[house].includes(other)
  })
  assert.equal(
    strangers.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('no row names a house that nothing is imported from', () => {
  const used = new Set(inside.map(({ house, target }) => `${house} -> ${houseOf(target)}`))
  const named = houses.flatMap((house) => KNOWS[house].map((other) => `${house} -> ${other}`))
  assert.equal(
    named.filter((arrow) => !used.has(arrow)),
    [],
  )
})

test('knowledge runs downward only', () => {
  const upward = houses.flatMap((house, place) => KNOWS[house].filter((other) => houses.indexOf(other) <= place))
  assert.equal(upward, [])
})

test('every folder that has folders is a row of WITHIN, which lists them all', () => {
  const wrong = [...new Set([...folders, ...Object.keys(WITHIN)])].flatMap((folder) => {
    const own = [...new Set(files.filter((file) => file.startsWith(`${folder}/`)).map((file) => placeIn(folder, file)))]
    const isDivided = own.some((place) => place !== '.')
    const row = WITHIN[folder] ?? []
    if (MIXED.includes(folder)) return isDivided ? [] : [`MIXED names ${folder}, which has no folders`]
    if (!isDivided) return folder in WITHIN ? [`WITHIN has a row ${folder}, which has no folders`] : []
    if (!(folder in WITHIN)) return [`WITHIN lacks a row ${folder}: ${own.join(', ')}, from the top down`]
    const unlisted = own.filter((place) => !row.includes(place))
    const gone = row.filter((place) => !own.includes(place))
    return [
      ...unlisted.map((place) => `WITHIN['${folder}'] lacks '${place}': put it above all that it knows`),
      ...gone.map((place) => `WITHIN['${folder}'] names '${place}', which has no files`),
    ]
  })
  assert.equal(wrong, [])
})

test('within a house knowledge runs downward, too', () => {
  const upward = inside.filter(
    ({ file, target, isAddress }) =>
      !isAddress &&
      Object.entries(WITHIN).some(([folder, order]) => {
        if (![file, target].every((path) => path.startsWith(`${folder}/`))) return false
        return order.indexOf(placeIn(folder, target)) < order.indexOf(placeIn(folder, file))
      }),
  )
  assert.equal(
    upward.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('no folder has more than 20 files', () => {
  const full = folders.filter(
    (folder) => files.filter((file) => file.startsWith(`${folder}/`) && placeIn(folder, file) === '.').length > 20,
  )
  assert.equal(full, [], 'make a folder of some of its files, and list it in WITHIN')
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

test('a package is known to the house that is there for it, and to no other', () => {
  const outside = imports.filter(({ target }) => !target.startsWith('node:') && !houses.includes(houseOf(target)))
  const strangers = outside.filter(({ house, target }) => {
    const name = Object.keys(PACKAGES).find((name) => target === name || target.startsWith(`${name}/`))
    return name !== undefined && ![PACKAGES[name]].flat().includes(house)
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

const isCore = (file: string): boolean => CORE.some((folder) => file.startsWith(`${folder}/`))

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

test('no result of the engine rests on functions that each JavaScript engine has its own library for', () => {
  const LIBRARY = /\bMath\.(a?(cos|sin|tan)h?|atan2|cbrt|exp|expm1|hypot|log|log10|log1p|log2|pow)\b/
  const naming = files
    .filter((file) => isCore(file) || file.startsWith('kernels/') || file === 'ground/elementary.ts')
    .filter((file) => LIBRARY.test(withoutComments(readFileSync(repositoryPath(`src/${file}`), 'utf8'))))
  assert.equal(naming, [], 'ground/elementary.ts has the functions')
})

test('nothing that an engine reads imports a module of Node, but platform', () => {
  const read = [...readWith('engine/run/worker.js')].map((file) => file.replace(/\.js$/, '.ts'))
  assert.ok(read.includes('ground/platform/threads.ts'))
  const naming = imports.filter(({ file, target }) => read.includes(file) && target.startsWith('node:'))
  assert.equal(
    naming.filter(({ file }) => !file.startsWith('ground/platform/')).map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('docs/ARCHITECTURE.md prints the rows', () => {
  const text = readFileSync(repositoryPath('docs/ARCHITECTURE.md'), 'utf8')
  for (const house of houses) {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${house}\` |`))
    assert.ok(row?.endsWith(`| ${KNOWS[house].join(', ') || '-'} |`), `the row of ${house}: ${row}`)
  }
})

/** Files that are read with one of dist, for which nothing has to be called. */
function readWith(file: string, read = new Set<string>()): Set<string> {
  if (read.has(file)) return read
  read.add(file)
  const source = readFileSync(repositoryPath(`dist/${file}`), 'utf8')
  for (const [, specifier] of source.matchAll(/^(?:import|export)[^;]*?from ['"](\.[^'"]+)['"]/gm)) {
    readWith(new URL(specifier, `file:///${file}`).pathname.slice(1), read)
  }
  return read
}

// V8 11.3 aborts the whole process if a thread is ended just as a module with a top-level `await` starts.
test('no module of a thread awaits at its top level', () => {
  const entries = files.flatMap(threadsOf)
  assert.ok(entries.includes('engine/run/worker.js') && entries.includes('engine/run/reading/read-ahead-thread.js'))
  const awaiting = [...new Set(entries.flatMap((entry) => [...readWith(entry)]))].filter((file) =>
    /^(?![ /*]|.*\basync\b).*\bawait\b/m.test(readFileSync(repositoryPath(`dist/${file}`), 'utf8')),
  )
  assert.equal(awaiting, [])
})

/** The first modules of the threads that a file of src starts from the bundle. */
function threadsOf(file: string): string[] {
  const source = readFileSync(repositoryPath(`src/${file}`), 'utf8')
  const names = [...source.matchAll(/startThread\(new URL\('[./]+bundle\/([^']+)\.js'/g)].map(([, name]) => name)
  return names.map((name) => files.find((file) => file.endsWith(`/${name}.ts`))?.replace(/ts$/, 'js') ?? name)
}

test('the thread of an engine reads few files', () => {
  assert.ok(readWith('engine/run/worker.js').size > 150)
  assert.ok(readWith('bundle/worker.js').size < 20)
})

test('an engine that only runs a model reads nothing of training', () => {
  const read = [...readWith('engine/run/worker.js')]
  assert.ok(read.includes('model/layers/decoder.js'))
  assert.equal(
    read.filter((file) => /training|backward/.test(file)),
    [],
  )
})

/** The houses that a program reads with each entry of the library, before it calls anything. */
const ENTRIES: Record<string, string[]> = {
  'index.js': ['index', 'insight', 'library', 'engine', 'text', 'api', 'model', 'kernels', 'ground'],
  'pictures.js': ['pictures', 'insight', 'model', 'ground'],
  'lab/index.js': ['lab', 'insight', 'library', 'engine', 'text', 'api', 'model', 'kernels', 'ground'],
}

test('an entry of the library reads the houses that its row names', () => {
  for (const [entry, row] of Object.entries(ENTRIES)) {
    const read = new Set([...readWith(entry)].map(houseOf))
    assert.equal([...read].sort(), [...row].sort(), entry)
  }
})

test('only the table of commands knows the lab, and reads a command of it when that is called', () => {
  const strangers = inside.filter(({ house, target }) => houseOf(target) === 'lab' && house !== 'lab')
  assert.equal([...new Set(strangers.map(({ file }) => file))], ['program.ts'])
  const read = ['program.js', 'cli/commands/run/run.js', 'cli/commands/chat.js'].flatMap((file) => [...readWith(file)])
  assert.equal(
    read.filter((file) => houseOf(file) === 'lab'),
    [],
  )
})

test('a start of the command line reads nothing that only a slip or weights need', () => {
  const read = [...readWith('program.js'), ...readWith('cli/commands/run/run.js'), ...readWith('cli/commands/chat.js')]
  assert.ok(read.includes('cli/parsing/command-line.js'))
  assert.equal(
    read.filter((file) => /wrong-words|foreign-|safetensors/.test(file)),
    [],
  )
})

test.run()
