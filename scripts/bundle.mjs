// Joins the modules of the command, the library and their threads to few files in dist/bundle: Node reads one file in a
// fraction of the time of the engine's 220. The code stays readable, for readers of errors.
//   node scripts/bundle.mjs [FOLDER]      (npm run build calls it; FOLDER is dist unless given)
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

const DIST = resolve(process.argv[2] ?? 'dist')
const BUNDLE = join(DIST, 'bundle')
const WEB = join(DIST, 'web')

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

/** The library for a page, and its threads. `thread` is the beginning of each. */
const IN_BROWSER = {
  index: 'browser/index',
  site: 'site/start',
  map: 'insight/pictures/interactive/molm-map',
  sw: 'site/sw',
  thread: 'browser/thread',
  'keep-thread': 'browser/keep-thread',
  worker: 'engine/run/worker',
  'helper-thread': 'kernels/threads/helper-thread',
  'read-ahead-thread': 'engine/run/reading/read-ahead-thread',
  'follow-thread': 'text/grammar/follow-thread',
  'prepare-thread': 'text/grammar/prepare-thread',
  'encode-limited': 'text/tokenizer/encode-limited',
  'render-limited': 'text/jinja/render-limited',
}

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const inNode = { platform: 'node', target: 'node20', packages: 'external', chunkNames: '[name]-[hash]' }
// Minified, since every reader of a page fetches it. It contains the packages that it needs.
const inBrowser = {
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'eof',
  chunkNames: 'part-[hash]',
  define: { MOLM_VERSION: JSON.stringify(version) },
}

/** In a page a module `x.browser.js` takes the place of `x.js`. */
const browserForms = {
  name: 'browser-forms',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, resolveDir }) => {
      const form = join(resolveDir, path).replace(/(\.browser)?\.js$/, '.browser.js')
      return existsSync(form) ? { path: form } : undefined
    })
  },
}

await write(BUNDLE, await Promise.all(GROUPS.map((group) => bundle(group, BUNDLE, inNode))))
// A folder that is given has modules that a test has changed for Node.
if (process.argv[2] === undefined) await Promise.all([writeWeb(), writePage()])

/** The script of the server's page, one file that a browser fetches with one request. */
async function writePage() {
  const { outputFiles } = await bundle({ app: 'page/main' }, join(DIST, 'page'), { ...inBrowser, splitting: false })
  await writeChanged(outputFiles)
}

async function writeWeb() {
  const web = await bundle(IN_BROWSER, WEB, { ...inBrowser, plugins: [browserForms], metafile: true })
  web.outputFiles.push({ path: join(WEB, 'LICENCES.txt'), contents: Buffer.from(await licencesIn(web.metafile)) })
  await write(WEB, [web])
}

/** The licences of the packages that a bundle contains, which go wherever it goes. */
async function licencesIn({ inputs }) {
  const folders = Object.keys(inputs).flatMap((path) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])
  const texts = [...new Set(folders)].sort().map(async (folder) => {
    const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name))
    return `${folder.split('node_modules/').at(-1)}\n\n${await readFile(join(folder, file), 'utf8')}`
  })
  return (await Promise.all(texts)).join(`\n${'-'.repeat(72)}\n\n`)
}

/** Writes what was built into a folder, in place of all else there but the modules that it was built from. */
async function write(folder, built) {
  const outputs = built.flatMap(({ outputFiles }) => outputFiles)
  await mkdir(folder, { recursive: true })
  const names = outputs.map(({ path }) => basename(path))
  for (const name of await readdir(folder)) if (!names.includes(name)) await rm(join(folder, name))
  await writeChanged(outputs)
}

async function writeChanged(outputs) {
  for (const { path, contents } of outputs) {
    const former = await readFile(path).catch(() => undefined)
    if (!former?.equals(contents)) await writeFile(path, contents)
  }
}

function bundle(group, folder, { plugins = [], ...options }) {
  return build({
    entryPoints: Object.entries(group).map(([out, path]) => ({ in: join(DIST, `${path}.js`), out })),
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: folder,
    plugins: [...plugins, keepAddresses(folder)],
    write: false,
    ...options,
  })
}

/** A module finds files beside it, so it keeps its address. All files of a bundle are in one folder. */
function keepAddresses(folder) {
  return {
    name: 'addresses',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(DIST)) return undefined
        const from = relative(folder, path).replaceAll('\\', '/')
        const address = `new URL(${JSON.stringify(from)}, import.meta.url).href`
        const source = await readFile(path, 'utf8')
        const ownThreads = folder === WEB ? source.replaceAll(/'([./]+)bundle\/(.+?)'/g, "'$1web/$2'") : source
        return { contents: ownThreads.replaceAll('import.meta.url', address) }
      })
    },
  }
}
