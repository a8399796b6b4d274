import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from './support/fixtures.js'

/*
 * docs/ARCHITECTURE.md says it in words: knowledge runs downward only. A room may know the rooms of its own floor and of
 * the floors below, never one above.
 */
const FLOORS = [
  ['cli'],
  ['tui'],
  ['index'],
  ['pictures', 'surgery'],
  ['experts', 'evaluation', 'benchmark'],
  ['library'],
  ['hub'],
  ['generation'],
  ['engine'],
  ['architectures'],
  ['nn'],
  ['model', 'weights'],
  ['packing'],
  ['runtime', 'text', 'sampling', 'checkpoint', 'files', 'terminal'],
  ['errors', 'json', 'numbers', 'printable'],
]

/** Packages that only these rooms know. */
const PACKAGES: Record<string, string[]> = {
  commander: ['cli'],
  ink: ['tui'],
  react: ['tui'],
  '@huggingface/hub': ['hub'],
  '@huggingface/jinja': ['text'],
}

const test = suite('the architecture')

interface Import {
  file: string
  room: string
  target: string
}

/** The room of a file below src: its folder, or its own name where it lies in none. */
const roomOf = (path: string): string => path.split('/')[0].replace(/\.[jt]sx?$/, '')

function importsOf(file: string): Import[] {
  const source = readFileSync(repositoryPath(`src/${file}`), 'utf8')
  return [...source.matchAll(/(?:from|import|import\(|URL\()\s*'([^']+)'/g)].map(([, specifier]) => {
    const target = specifier.startsWith('.') ? new URL(specifier, `file:///${file}`).pathname.slice(1) : specifier
    return { file, room: roomOf(file), target }
  })
}

const files = readdirSync(repositoryPath('src'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path))
const imports = files.flatMap(importsOf)
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

test('every room has a floor', () => {
  const rooms = new Set(files.map(roomOf))
  assert.equal(
    [...rooms].filter((room) => floorOf(room) < 0),
    [],
  )
  assert.equal(
    FLOORS.flat().filter((room) => !rooms.has(room)),
    [],
  )
})

test('no room knows one above it', () => {
  const own = imports.filter(({ target }) => files.includes(target.replace(/\.js$/, '.ts')))
  assert.ok(own.length > 100, 'imports were found')
  const upward = own.filter(({ room, target }) => floorOf(roomOf(target)) < floorOf(room))
  assert.equal(
    upward.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('a package is known to the room that is there for it, and to no other', () => {
  const outside = imports.filter(({ target }) => !target.startsWith('node:') && floorOf(roomOf(target)) < 0)
  const strangers = outside.filter(({ room, target }) => {
    const name = Object.keys(PACKAGES).find((name) => target === name || target.startsWith(`${name}/`))
    return name !== undefined && !PACKAGES[name].includes(room)
  })
  assert.equal(
    strangers.map(({ file, target }) => `${file} -> ${target}`),
    [],
  )
})

test('every room is described', () => {
  const text = readFileSync(repositoryPath('docs/ARCHITECTURE.md'), 'utf8')
  for (const room of FLOORS.flat()) {
    const isNamed = text.includes(`| \`${room}\` |`) || text.includes(`| \`${room}.ts\` |`)
    assert.ok(isNamed, `docs/ARCHITECTURE.md says nothing of ${room}`)
  }
})

test.run()
