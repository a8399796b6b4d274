import type { Chance } from './chance.js'
import { bytesOf, utf8 } from './files.js'
import type { Reader } from './format.js'
import { harmBytes } from './harm-bytes.js'

/** Placeholder for a number that JSON can express but a double cannot hold. */
const INFINITE = '(infinite)'

const NUMBERS = [
  ...[0, 1, 2, 3, -1, -1000, 0.5, 1e-9, -0.25, 255, 4096, 30_000, 65_536, 100_000, 2 ** 24, 2 ** 24 + 1],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32, 4e9, 1e15, 2 ** 53, 2 ** 53 + 2, 1e21, 1e308, -1e308],
]

const TEXTS = [
  ...['', ' ', '0', '-1', 'true', '__proto__', 'constructor', 'toString', 'length', '..', '../../outside'],
  ...[
    '/etc/passwd',
    'a\0b',
    '\u001b[2J\u0007',
    '\ud800',
    '\u2028',
    'é',
    '\u{1f600}',
    '{{',
    '{% for %}',
    '"',
    '\\',
    '\n',
  ],
  ...['x'.repeat(300), 'x'.repeat(70_000)],
]

const KEYS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '', '0', '-1', '\u001b[31m', '../x']

/** JSON text of a value with one to three faults. The value itself is unchanged. */
export function harmJson(value: unknown, chance: Chance, name: string): Uint8Array {
  const root = { value: structuredClone(value) }
  for (let left = chance.oneIn(2) ? 1 : chance.between(1, 3); left > 0; left--) harmOnce(root, chance, name)
  const text = utf8(jsonText(root.value))
  return chance.oneIn(12) ? harmBytes(text, chance, name) : text
}

/** Files of JSON, a value in each line: sound ones, and ones with damage in their bytes or in one of the values. */
export function jsonLines(
  file: string,
  linesOf: (chance: Chance) => readonly unknown[],
): Pick<Reader, 'sound' | 'harm'> {
  const joined = (lines: readonly Uint8Array[]) => Buffer.concat(lines.flatMap((line) => [line, utf8('\n')]))
  const sound = (value: unknown) => utf8(JSON.stringify(value))
  return {
    sound: (chance) => new Map([[file, joined(linesOf(chance).map(sound))]]),
    harm(files, chance) {
      if (chance.oneIn(3)) return new Map([[file, harmBytes(bytesOf(files, file), chance)]])
      const lines = linesOf(chance)
      const at = chance.below(lines.length)
      const harmed = lines.map((line, i) => (i === at ? harmJson(line, chance, `line ${at + 1}`) : sound(line)))
      return new Map([[file, joined(harmed)]])
    },
  }
}

/** A value as JSON text, with the placeholder replaced by its number. */
function jsonText(value: unknown): string {
  return (JSON.stringify(value) ?? '').replaceAll(JSON.stringify(INFINITE), '1e999')
}

type Container = Record<string, unknown>

function harmOnce(root: { value: unknown }, chance: Chance, name: string): void {
  let parent: Container = root
  let key = 'value'
  const path = [name]
  // Descends while there are children, and stops at each level with some probability.
  while (isContainer(parent[key]) && !chance.oneIn(4)) {
    const next = parent[key] as Container
    const keys = Object.keys(next)
    if (keys.length === 0) break
    parent = next
    key = chance.pick(keys)
    path.push(key)
  }
  const { what, apply } = faultOf(parent[key], chance)
  chance.note(`${path.join('.')}: ${what}`)
  apply(parent, key)
}

function faultOf(value: unknown, chance: Chance): { what: string; apply: (parent: Container, key: string) => void } {
  const put = (what: string, next: unknown) => ({ what, apply: (p: Container, k: string) => define(p, k, next) })
  const instead = (next: unknown) => put(`becomes ${summary(next)}`, next)
  switch (chance.below(8)) {
    case 0:
      return { what: 'removed', apply: (p, k) => (Array.isArray(p) ? p.splice(Number(k), 1) : delete p[k]) }
    case 1: {
      const other = chance.pick(KEYS)
      return {
        what: `renamed to ${summary(other)}`,
        apply(p, k) {
          define(p, other, p[k])
          delete p[k]
        },
      }
    }
    case 2:
      if (isContainer(value) && !Array.isArray(value)) {
        const [other, added] = [chance.pick(KEYS), hostileValue(chance)]
        return {
          what: `gains ${summary(other)} = ${summary(added)}`,
          apply: (p, k) => define(p[k] as Container, other, added),
        }
      }
      if (Array.isArray(value)) {
        const added = chance.oneIn(2) ? value[0] : hostileValue(chance)
        const count = 1 + chance.size(500)
        return { what: `gains ${count} of ${summary(added)}`, apply: () => value.push(...new Array(count).fill(added)) }
      }
      return instead([value])
    case 3:
    case 4:
      if (typeof value === 'number') return instead(value + chance.pick([-1, 1, value, -2 * value, 0.5, 256, 2 ** 20]))
      if (typeof value === 'string') return instead(harmText(value, chance))
      return instead(hostileValue(chance))
    default:
      return instead(hostileValue(chance))
  }
}

/** A slightly changed text. */
export function harmText(text: string, chance: Chance): string {
  const at = chance.below(text.length + 1)
  switch (chance.below(4)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return text.slice(0, at) + chance.pick(TEXTS) + text.slice(at)
    case 2:
      return text.repeat(chance.between(2, 40)).slice(0, 2 ** 20)
    default:
      return text.slice(0, at) + String.fromCharCode(chance.below(0x10000)) + text.slice(at + 1)
  }
}

/** A number, text or other value that a reader may not expect. */
export function hostileValue(chance: Chance): unknown {
  switch (chance.below(8)) {
    case 0:
    case 1:
    case 2:
      return chance.pick(NUMBERS)
    case 3:
    case 4:
      return chance.pick(TEXTS)
    case 5:
      return chance.pick([null, true, false, INFINITE])
    case 6:
      return chance.pick<unknown>([[], {}, [null], [[]], { toString: 1 }, { length: 1e9 }, { type: 'ByteLevel' }])
    default: {
      const depth = chance.oneIn(2) ? chance.between(1, 80) : 0
      if (depth > 0) return nested(depth)
      return new Array(chance.size(2000)).fill(chance.pick(NUMBERS))
    }
  }
}

function nested(depth: number): unknown {
  let value: unknown = 0
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value }
  return value
}

/** Sets a key of an object as JSON.parse does: `__proto__` is an ordinary key. Lists have numeric keys only. */
function define(parent: Container, key: string, value: unknown): void {
  if (Array.isArray(parent) && (key === 'length' || !Object.hasOwn(parent, key))) parent.push(value)
  else Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true })
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null
}

function summary(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}... (${text.length} characters)` : text
}
