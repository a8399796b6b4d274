import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

/*
 * Visits the types that the entries of the package export, and all types that these name. In a declaration file, every line
 * without indentation begins a declaration, unless it is a closing bracket.
 */

interface Declarations {
  /** Text of each declaration, by name, without comments and strings. */
  own: Map<string, string>
  /** Source files of imported names, with the names there. */
  imported: Map<string, { file: string; name: string }>
  /** Exports from other files; `*` for all exports of a file. */
  passedOn: { file: string; name: string; as: string }[]
  exported: string[]
}

const read = new Map<string, Declarations>()

function declarationsOf(file: string): Declarations {
  const known = read.get(file)
  if (known) return known
  const text = readFileSync(repositoryPath(`dist/${file}`), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  const found: Declarations = { own: new Map(), imported: new Map(), passedOn: [], exported: [] }
  read.set(file, found)
  for (const statement of text.split(/\n(?=\w)/)) {
    const [, how, names, from] =
      /^(import|export)\s+(?:type\s+)?(\{[\s\S]*\}|\*)\s+from '(\.[^']+)'/.exec(statement) ?? []
    if (from) {
      const target = posix.join(posix.dirname(file), from.replace(/\.js$/, '.d.ts'))
      for (const [, name, as = name] of names.matchAll(/(?:type\s+)?(\w+|\*)(?:\s+as\s+(\w+))?/g)) {
        if (how === 'import') found.imported.set(as, { file: target, name })
        else found.passedOn.push({ file: target, name, as })
      }
      continue
    }
    const [, isExported, kind, name] =
      /^(export )?(?:declare )?(?:abstract )?(interface|type|class|function|const) (\w+)/.exec(statement) ?? []
    if (!name) continue
    if (isExported) found.exported.push(name)
    // Constants are skipped: their names may come from a file, such as the keys of a config.json.
    const isType = kind === 'interface' || kind === 'type' || kind === 'class'
    if (isType || isExported) found.own.set(name, statement.replace(/'[^']*'|"[^"]*"/g, "''"))
  }
  return found
}

/** Declarations reachable from one, by `file: name`. */
function reach(file: string, name: string, all: Map<string, string>): Map<string, string> {
  const { own, imported, passedOn, exported } = declarationsOf(file)
  const text = own.get(name)
  const elsewhere = imported.get(name) ?? passedOn.find(({ as }) => as === name)
  if (text === undefined) return elsewhere ? reach(elsewhere.file, elsewhere.name, all) : all
  if (all.has(`${file}: ${name}`)) return all
  all.set(`${file}: ${name}`, text)
  for (const [word] of text.matchAll(/\b\w+\b/g)) {
    if (word !== name && (own.has(word) || imported.has(word) || exported.includes(word))) reach(file, word, all)
  }
  return all
}

const { exports } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8'))
/** The declarations of the package's entries, below dist. */
const ENTRIES = Object.values<{ types?: string }>(exports).flatMap(({ types }) => types?.slice('./dist/'.length) ?? [])

/** The names that an entry exports, each with the file of its declaration. */
const exportedBy = (entry: string): { file: string; name: string }[] =>
  declarationsOf(entry).passedOn.flatMap(({ file, name }) =>
    name === '*' ? declarationsOf(file).exported.map((one) => ({ file, name: one })) : [{ file, name }],
  )

test('a program meets 110 names in molm at most, and each name in one entry only', () => {
  const names = ENTRIES.map((entry) => exportedBy(entry).map(({ name }) => name))
  assert.equal(ENTRIES, ['index.d.ts', 'lab/index.d.ts', 'pictures.d.ts', 'insight/pictures/interactive/molm-map.d.ts'])
  assert.ok(names[0].includes('loadModel') && names[0].includes('Session'))
  assert.ok(names[0].length <= 110, `molm exports ${names[0].length} names`)
  assert.is(new Set(names.flat()).size, names.flat().length)
})

test('no public type has a name with an underscore', () => {
  const all = new Map<string, string>()
  for (const entry of ENTRIES) for (const { file, name } of exportedBy(entry)) reach(file, name, all)
  for (const name of ['TextScore', 'TaskAnswer', 'BenchmarkRow', 'ModelConfig', 'TeachOptions', 'Session']) {
    assert.ok(
      [...all.keys()].some((key) => key.endsWith(`: ${name}`)),
      `${name} was found`,
    )
  }
  const names = [...all].flatMap(([key, text]) =>
    [...text.matchAll(/\b[a-z]\w*_\w*\b/g)].map(([word]) => `${key}: ${word}`),
  )
  assert.equal(names, [])
})

test.run()
