// Joins the modules of the command, the library and their threads to few files in dist/bundle: Node reads one file in a
// fraction of the time of the engine's 220. The code stays readable, for readers of errors.
//   node scripts/bundle.mjs [FOLDER]      (npm run build calls it; FOLDER is dist unless given)
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

const DIST = resolve(process.argv[2] ?? 'dist')
const BUNDLE = join(DIST, 'bundle')

/**
 * Modules that a process or thread begins with, by the names of their files. Code that several of a group need is in files
 * that they share; a group has its own copy, since the more share, the more and smaller the files.
 */
const GROUPS = [
  { start: 'cli/start', program: 'program', index: 'index', lab: 'lab/index', pictures: 'pictures' },
  {
    worker: 'engine/run/worker',
    'helper-thread': 'kernels/threads/helper-thread',
    'read-ahead-thread': 'engine/run/reading/read-ahead-thread',
  },
  {
    'follow-thread': 'text/grammar/follow-thread',
    'prepare-thread': 'text/grammar/prepare-thread',
    'ask-once': 'text/sandbox/ask-once',
    'encode-limited': 'text/tokenizer/encode-limited',
    'render-limited': 'text/jinja/render-limited',
  },
  { map: 'insight/pictures/interactive/molm-map' },
]

/** A module finds files beside it, so it keeps its address. All files of the bundle are in one folder. */
const keepAddresses = {
  name: 'addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      const from = relative(BUNDLE, path).replaceAll('\\', '/')
      const address = `new URL(${JSON.stringify(from)}, import.meta.url).href`
      return { contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', address) }
    })
  },
}

const built = await Promise.all(GROUPS.map(bundle))
const outputs = built.flatMap(({ outputFiles }) => outputFiles)
await mkdir(BUNDLE, { recursive: true })
const names = outputs.map(({ path }) => basename(path))
for (const name of await readdir(BUNDLE)) if (!names.includes(name)) await rm(join(BUNDLE, name))
for (const { path, contents } of outputs) {
  const former = await readFile(path).catch(() => undefined)
  if (!former?.equals(contents)) await writeFile(path, contents)
}

function bundle(group) {
  return build({
    entryPoints: Object.entries(group).map(([out, path]) => ({ in: join(DIST, `${path}.js`), out })),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    outdir: BUNDLE,
    chunkNames: '[name]-[hash]',
    plugins: [keepAddresses],
    write: false,
  })
}
