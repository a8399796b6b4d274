// Builds what has changed since the last build: the kernels, the host with the page, and nano's packed weights.
//   node scripts/build.mjs      (npm run build calls it)
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

/** Hashes of the sources of what has been built. It goes when dist goes. */
const STATE = 'dist/.build'

const NANO = 'dist/models/nano/model-q4.molm.safetensors'
const { targets } = JSON.parse(await readFile('asconfig.json', 'utf8'))
const tiers = Object.keys(targets)

await mkdir(STATE, { recursive: true })
await Promise.all([
  unlessBuilt({
    name: 'kernels',
    from: ['assembly', 'src/kernels/abi', 'asconfig.json', 'node_modules/assemblyscript/package.json'],
    to: tiers.map((tier) => targets[tier].outFile),
    build: () => Promise.all(tiers.map((tier) => node('scripts/build-kernels.mjs', tier))),
  }),
  compile('tsconfig.json', 'host'),
  compile('src/page/tsconfig.json', 'page'),
  node('scripts/copy-assets.mjs'),
])
await node('scripts/bundle.mjs')
await unlessBuilt({
  name: 'nano',
  from: [
    'models/nano/config.json',
    'models/nano/model.safetensors',
    'dist/kernels',
    'src/model/packing',
    'src/model/families',
  ],
  to: [NANO],
  build: () => node('scripts/pack-nano.mjs'),
})
// It is of the checkpoint as it is now, which git may have written again since: an older file is not used.
await utimes(NANO, new Date(), new Date())

/** Builds the files `to`, unless they are there and `from` has not changed since they were built. */
async function unlessBuilt({ name, from, to, build }) {
  const state = join(STATE, `${name}.sha256`)
  const hash = await hashOf(from)
  const former = await readFile(state, 'utf8').catch(() => '')
  if (former === hash && to.every((path) => existsSync(path))) return
  await build()
  await writeFile(state, hash)
}

/** Compiles TypeScript. What tsc knows of the last time goes when dist goes, or it would not write the files again. */
function compile(project, name) {
  const info = ['--incremental', '--tsBuildInfoFile', join(STATE, `${name}.tsbuildinfo`)]
  return node('node_modules/typescript/bin/tsc', '-p', project, ...info)
}

/** Hash of files, and of all files in folders. */
async function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const isFolder = (await stat(path)).isDirectory()
    const files = isFolder ? (await readdir(path, { recursive: true })).sort().map((file) => join(path, file)) : [path]
    for (const file of files) {
      if ((await stat(file)).isFile()) hash.update(`${file}\n`).update(await readFile(file))
    }
  }
  return hash.digest('hex')
}

/** Runs a script with Node. Its failure ends the build. */
function node(...args) {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { stdio: 'inherit' }).on('exit', (code) => {
      if (code === 0) return resolve()
      console.error(`failed: node ${args.join(' ')}`)
      process.exit(1)
    })
  })
}
