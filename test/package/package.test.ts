import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { PATIENCE_MS } from '../support/until.js'

interface Packed {
  filename: string
  size: number
  files: { path: string }[]
}

interface Context {
  dir: string
  packed: Packed
}

const test = suite<Context>('the package', undefined as unknown as Context)

const WEIGHTS = 'models/nano/model.safetensors'
const PAGES = ['README.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE']

/**
 * Packs the built package and installs it in an empty folder, with this checkout's dependencies instead of the network.
 */
test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'molm-package-'))
  // Packed from a copy, since packing changes package.json temporarily. Without npm's scripts, which would build again.
  const checkout = join(context.dir, 'checkout')
  for (const name of ['package.json', 'bin', 'dist', 'models', 'docs', 'scripts', ...PAGES])
    cpSync(repositoryPath(name), join(checkout, name), { recursive: true, filter: (path) => !path.endsWith(WEIGHTS) })
  // The weights of nano would only take time to compress: they are put in place afterwards.
  writeFileSync(join(checkout, WEIGHTS), '')
  const manifest = (step: string) =>
    execFileSync(process.execPath, ['scripts/package-manifest.mjs', step], { cwd: checkout })
  manifest('publish')
  const pack = ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', context.dir]
  context.packed = JSON.parse(execFileSync('npm', pack, { cwd: checkout, encoding: 'utf8' }))[0]
  manifest('restore')
  assert.is(readFileSync(join(checkout, 'package.json'), 'utf8'), readFileSync(repositoryPath('package.json'), 'utf8'))

  const modules = join(context.dir, 'app', 'node_modules')
  mkdirSync(join(modules, 'molm'), { recursive: true })
  const tarball = join(context.dir, context.packed.filename)
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'molm'), '--strip-components=1'])
  copyFileSync(repositoryPath(WEIGHTS), join(modules, 'molm', WEIGHTS))
  const { dependencies } = JSON.parse(readFileSync(join(modules, 'molm', 'package.json'), 'utf8'))
  addPackages(modules, Object.keys(dependencies))
})

/** Links packages of this checkout into a node_modules folder. */
function addPackages(modules: string, names: string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(repositoryPath(`node_modules/${name}`), join(modules, name))
  }
}

test.after(({ dir }) => rm(dir, { recursive: true, force: true }))

/** Runs Node in the folder with the installed package, as a user with an empty home. */
function runNode({ dir }: Context, args: string[]): string {
  return execFileSync(process.execPath, args, asUser(dir))
}

const asUser = (dir: string) =>
  ({
    cwd: join(dir, 'app'),
    env: { PATH: process.env.PATH, HOME: dir },
    encoding: 'utf8',
    timeout: 2 * PATIENCE_MS,
  }) as const

test('contains only compiled code, kernels, nano and docs', ({ packed }) => {
  const paths = packed.files.map(({ path }) => path)
  const code = [
    'bin/molm.js',
    'dist/index.d.ts',
    ...['start', 'program', 'index', 'worker'].map((name) => `dist/bundle/${name}.js`),
    ...['index', 'site', 'thread', 'worker'].map((name) => `dist/web/${name}.js`),
  ]
  const shown = [
    'dist/page/index.html',
    'dist/page/app.js',
    'dist/insight/pictures/interactive/figure.css',
    'docs/FORMAT.md',
    ...PAGES,
  ]
  const kernels = ['plain', 'relaxed'].map((tier) => `dist/kernels/${tier}.wasm`)
  const nano = ['model.safetensors', 'tokenizer.json', 'atlas.json'].map((name) => `models/nano/${name}`)
  for (const path of [...code, ...shown, ...kernels, ...nano, 'package.json']) {
    assert.ok(paths.includes(path), `${path} is missing`)
  }
  const expected =
    /^(bin\/.*\.js|dist\/.*(\.js|\.d\.ts|\.wasm|\.html|\.css|\.svg)|dist\/web\/LICENCES\.txt|models\/nano\/[^/]+|docs\/[^/]*\.md|README\.md|LICENCES\.md|SECURITY\.md|CHANGELOG\.md|LICENSE|package\.json)$/
  assert.equal(
    paths.filter((path) => !expected.test(path)),
    [],
  )
  const testsOnly = ['expected', 'experts', 'usage', 'eval'].map((name) => `models/nano/${name}.json`)
  assert.equal(
    paths.filter((path) => testsOnly.includes(path)),
    [],
  )
  const bytes = packed.size + statSync(repositoryPath(WEIGHTS)).size
  assert.ok(bytes < 28e6, `${bytes} bytes`)
})

test('has no scripts for npm to ask about, while the package.json of the checkout keeps the build’s scripts', ({
  dir,
}) => {
  const manifest = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
  assert.is(manifest(join(dir, 'app', 'node_modules', 'molm', 'package.json')).scripts, undefined)
  const { scripts } = manifest(repositoryPath('package.json'))
  assert.is(scripts.postprepare, 'npm run build')
  assert.match(scripts.prepack, /npm run build && node scripts\/package-manifest\.mjs publish/)
  assert.is(scripts.postpack, 'node scripts/package-manifest.mjs restore')
  // npm would run these, and build again, whenever it installs a package from a folder.
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.is(scripts[name], undefined, name)
})

test('the files that package.json points at exist', ({ dir }) => {
  const root = join(dir, 'app', 'node_modules', 'molm')
  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const paths = Object.values<string | { types: string; default: string }>(exports).flatMap((one) =>
    typeof one === 'string' ? one : [one.types, one.default],
  )
  for (const path of [bin.molm, ...paths]) assert.ok(existsSync(join(root, path)), path)
})

test('answers a prompt from the command line', (context) => {
  const args = ['node_modules/molm/bin/molm.js', '--temperature', '0', '-n', '40', LANTERN.question]
  assert.is(runNode(context, args), `${LANTERN.answer}\n`)
})

test('without the optional packages only chat and serve fail, and they name the missing package', ({ dir }) => {
  const manifest = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8'))
  const optional = Object.keys(manifest.optionalDependencies)
  assert.ok(optional.includes('ink') && optional.includes('hono'))
  // The tests above ran without them: the folder has only `dependencies`.
  const modules = join(dir, 'app', 'node_modules')
  for (const name of optional) assert.not(existsSync(join(modules, name)), name)
  const args = ['node_modules/molm/bin/molm.js', 'serve', '--port', '0']
  const serve = spawnSync(process.execPath, args, asUser(dir))
  assert.is(serve.status, 1)
  assert.match(
    serve.stderr,
    /^molm: the package \S+ is not installed; `npm i molm` without --omit=optional installs it\n$/,
  )
})

test.run()
