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

test('programs that import molm compile as TypeScript, strictly', () =>
  inTemporaryFolder(async (dir) => {
    const documents = ['README.md', ...readdirSync(repositoryPath('docs')).map((file) => `docs/${file}`)]
    const programs = documents
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => {
        const blocks = readFileSync(repositoryPath(file), 'utf8').matchAll(/^```[jt]s\n(.*?)^```/gms)
        return [...blocks].map(([, code], i) => ({ file: `${file.replace(/\W/g, '-')}-${i}.ts`, code }))
      })
    const own = programs.filter(({ code }) => / from 'molm(\/\w+)?'$/m.test(code))
    assert.ok(own.length >= 5)
    await mkdir(join(dir, 'node_modules'))
    for (const name of ['@types', 'undici-types']) {
      await symlink(repositoryPath(`node_modules/${name}`), join(dir, 'node_modules', name))
    }
    await symlink(repositoryPath('.'), join(dir, 'node_modules', 'molm'))
    await writeFile(join(dir, 'package.json'), '{"type": "module"}')
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER_OPTIONS }))
    for (const { file, code } of own) await writeFile(join(dir, file), code)
    const compile = promisify(execFile)(process.execPath, [repositoryPath('node_modules/typescript/bin/tsc')], {
      cwd: dir,
    })
    assert.is((await compile.catch(({ stdout }) => ({ stdout }))).stdout, '')
  }))

test.run()
