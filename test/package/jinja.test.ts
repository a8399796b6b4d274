import { readFileSync } from 'node:fs'
import { Interpreter } from '@huggingface/jinja'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { JinjaInterpreter } from '#molm/text/jinja/interpreter.js'
import { repositoryPath } from '../support/fixtures.js'

/*
 * src/text/jinja/interpreter.ts overrides methods that the library declares private, and any release may change them:
 * with the patch release 0.5.10, 48 of 2,716 published template cases give wrong results.
 */
const VERSION = '0.5.11'
const WHY = `molm overrides private methods of @huggingface/jinja ${VERSION}. For another version, compare interpreter.ts
with its source, run test/text/published-templates.test.ts and change package.json, package-lock.json and this test.`

/** Methods of the library that molm overrides, and one that it calls. */
const OVERRIDDEN = [
  ...['', 'MemberExpression', 'BinaryExpression', 'Block', 'For', 'Macro'].map((node) => `evaluate${node}`),
  'applyFilter',
]
const CALLED = 'evaluateArguments'
/** Methods that only molm has. */
const OWN = ['memberOfString', 'bind']

const versionIn = (path: string, of: (json: never) => string) =>
  of(JSON.parse(readFileSync(repositoryPath(path), 'utf8')) as never)

test('the template library is installed in the only version that fits the interpreter', () => {
  type Manifest = { version: string; dependencies: Record<string, string> }
  type LockFile = { packages: Record<string, Manifest> }
  const name = '@huggingface/jinja'
  const versions = {
    installed: versionIn(`node_modules/${name}/package.json`, ({ version }: Manifest) => version),
    manifest: versionIn('package.json', ({ dependencies }: Manifest) => dependencies[name]),
    lock: versionIn('package-lock.json', ({ packages }: LockFile) => packages[''].dependencies[name]),
    locked: versionIn('package-lock.json', ({ packages }: LockFile) => packages[`node_modules/${name}`].version),
  }
  for (const [where, version] of Object.entries(versions)) assert.is(version, VERSION, `${where}: ${version}. ${WHY}`)
})

test('the library has every method that the interpreter overrides or calls', () => {
  const library = Interpreter.prototype as unknown as Record<string, unknown>
  for (const name of [...OVERRIDDEN, CALLED]) assert.type(library[name], 'function', `no ${name}. ${WHY}`)
})

test('the interpreter overrides these methods and no others', () => {
  const methods = Object.getOwnPropertyNames(JinjaInterpreter.prototype).filter((name) => name !== 'constructor')
  assert.equal(methods.sort(), [...OVERRIDDEN, ...OWN].sort())
  for (const name of OWN) assert.not.ok(name in Interpreter.prototype, `the library has a ${name} of its own. ${WHY}`)
})

test.run()
