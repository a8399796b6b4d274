import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('programs in documents')

/** Options that `tsc --init` writes, with the types of Node. */
const COMPILER_OPTIONS = {
  ...{ module: 'nodenext', target: 'esnext', types: ['node'], noEmit: true },
  ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
  ...{ verbatimModuleSyntax: true, isolatedModules: true, moduleDetection: 'force' },
}

/** Options of a page that a bundler builds, without the types of Node. */
const PAGE_OPTIONS = {
  ...{ module: 'esnext', moduleResolution: 'bundler', customConditions: ['browser'], target: 'es2022', types: [] },
  ...{ lib: ['es2023', 'dom', 'dom.asynciterable'], noEmit: true, strict: true, moduleDetection: 'force' },
}

/** Compiles the programs of documents that an expression finds. There must be at least as many as that. */
function compiles(documents: readonly string[], found: RegExp, least: number, compilerOptions: object): Promise<void> {
  return inTemporaryFolder(async (dir) => {
    const programs = documents.flatMap((file) => {
      const blocks = readFileSync(repositoryPath(file), 'utf8').matchAll(/^```[jt]s\n(.*?)^```/gms)
      return [...blocks].map(([, code], i) => ({ file: `${file.replace(/\W/g, '-')}-${i}.ts`, code }))
    })
    const own = programs.filter(({ code }) => found.test(code))
    assert.ok(own.length >= least)
    await mkdir(join(dir, 'node_modules'))
    for (const name of ['@types', 'undici-types']) {
      await symlink(repositoryPath(`node_modules/${name}`), join(dir, 'node_modules', name))
    }
    await symlink(repositoryPath('.'), join(dir, 'node_modules', 'molm'))
    await writeFile(join(dir, 'package.json'), '{"type": "module"}')
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    for (const { file, code } of own) await writeFile(join(dir, file), code)
    const compile = promisify(execFile)(process.execPath, [repositoryPath('node_modules/typescript/bin/tsc')], {
      cwd: dir,
    })
    assert.is((await compile.catch(({ stdout }) => ({ stdout }))).stdout, '')
  })
}

test('programs that import molm compile as TypeScript, strictly', () => {
  const documents = readdirSync(repositoryPath('docs')).filter((file) => file.endsWith('.md'))
  return compiles(
    ['README.md', ...documents.map((file) => `docs/${file}`)],
    / from 'molm(\/\w+)?'$/m,
    5,
    COMPILER_OPTIONS,
  )
})

test('the program of a page compiles without the types of Node', () =>
  compiles(['docs/BROWSER.md'], /typeof import\('molm'\)/, 1, PAGE_OPTIONS))

test.run()
