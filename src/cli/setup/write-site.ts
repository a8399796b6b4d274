import { createReadStream } from 'node:fs'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError, UserError } from '../../ground/errors.js'
import { makeFolder } from '../../ground/files/folders.js'
import { expandHome } from '../../ground/files/home.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'
import { convertModel } from '../../index.js'
import { preparedModel } from '../../library/finding/resolve-model.js'
import { folderName } from '../../library/folders/model-folders.js'
import { interruptSignal } from '../io/interrupt.js'

export interface Site {
  folder: string
  bytes: number
  models: string[]
}

/** The list of a site's models, which its page reads. */
const LIST = 'models.json'

const DIST = fileURLToPath(new URL('../../', import.meta.url))
/** Files of the page by folder of the site: all of a folder of dist that end so. */
const COPIED: [to: string, from: string, end: RegExp][] = [
  ['web', 'web', /\.(js|txt)$/],
  ['kernels', 'kernels', /^(relaxed|plain)\.wasm$/],
  ['page', 'page', /\.(css|svg)$/],
  ['page', 'insight/pictures/interactive', /^figure\.css$/],
]

/**
 * Writes a site with models, given by their names. Rejects with a UserError if a model is not here, or if the folder has
 * files of something else.
 */
export async function writeSite(dir: string, names: readonly string[], options: { threads?: number }): Promise<Site> {
  if (dir === '') throw new UsageError('the name of the folder of the site is empty')
  const folder = expandHome(dir)
  const there: string[] = await readdir(folder).catch(() => [])
  if (there.length > 0 && !there.includes(LIST)) {
    throw new UserError(`${dir}: holds other files; give another folder for the site`)
  }
  const models = []
  for (const name of names) models.push(await addModel(join(folder, 'models'), name, options))
  // Names of modules change with each version.
  await rm(join(folder, 'web'), { recursive: true, force: true })
  for (const [to, from, end] of COPIED) await copyAll(join(DIST, from), join(folder, to), end)
  // A service worker serves the folder that it is in.
  await copy(join(DIST, 'web/sw.js'), join(folder, 'sw.js'))
  const html = await readFile(join(DIST, 'page/index.html'), 'utf8')
  await writeAtomically(join(folder, 'index.html'), [inTab(html)])
  await writeAtomically(join(folder, LIST), [`${JSON.stringify(models, null, 2)}\n`])
  return { folder, bytes: await bytesIn(folder), models: models.map(({ name }) => name) }
}

/** Adds a packed model. A checkpoint is packed into the site itself. */
async function addModel(models: string, word: string, { threads }: { threads?: number }) {
  const { name, kind, path, folder, file } = await preparedModel(word, { threads })
  const own = join(models, ...folderName(name).split('/'))
  await makeFolder(own)
  let packed: string
  if (kind === 'packed' && file) {
    packed = join(own, basename(path))
    for (const companion of Object.keys(file.metadata.files)) await copy(join(folder, companion), join(own, companion))
    await copy(path, packed)
  } else {
    packed = (await convertModel(path, own, { threads, signal: interruptSignal() })).path
  }
  const { size: bytes } = await stat(packed)
  return { name, file: ['models', ...folderName(name).split('/'), basename(packed)].join('/'), bytes }
}

async function copyAll(from: string, to: string, end: RegExp): Promise<void> {
  await makeFolder(to)
  for (const name of await readdir(from)) if (end.test(name)) await copy(join(from, name), join(to, name))
}

function copy(from: string, to: string): Promise<void> {
  return writeAtomically(to, createReadStream(from))
}

/** Content-Security-Policy: the page of a site loads its own files, and models of other hosts. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "worker-src 'self' blob:",
  "connect-src 'self' http: https:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** The server's page with another beginning: its engine is in the tab. */
function inTab(html: string): string {
  return html
    .replace('<title>', `<meta http-equiv="Content-Security-Policy" content="${POLICY}">\n<title>`)
    .replace('page/app.js', 'web/site.js')
    .replace('</h2></div>', '</h2><p id="engine" class="note"></p></div>')
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
