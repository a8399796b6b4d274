import { UserError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'
import { ByteCursor } from '../../checkpoint/byte-cursor.js'
import { type StoredValue, scalarBytes, scalarReader } from './values.js'

/** Maximum elements of an array that is read. The largest vocabularies have half a million merges. */
const MOST_ELEMENTS = 2 ** 21

/**
 * Metadata of a GGUF file. Getters throw a UserError that names the file and the key of an unfit value, and of a
 * missing one unless `absent` takes its place.
 */
export class GgufMetadata {
  constructor(
    /** Name of the file, the beginning of messages. */
    readonly name: string,
    /** The header; values are places in it. */
    private readonly bytes: Uint8Array,
    private readonly values: ReadonlyMap<string, StoredValue>,
  ) {}

  has(key: string): boolean {
    return this.values.has(key)
  }

  keys(): string[] {
    return [...this.values.keys()]
  }

  isArray(key: string): boolean {
    return this.values.get(key)?.type === 'array'
  }

  isFlag(key: string): boolean {
    return this.values.get(key)?.type === 'bool'
  }

  text<T = never>(key: string, ...absent: T[]): string | T {
    return this.read(key, 'a text', absent, ({ type, at }) => (type === 'string' ? this.textAt(at) : undefined))
  }

  flag<T = never>(key: string, ...absent: T[]): boolean | T {
    return this.read(key, 'true or false', absent, ({ type, at }) =>
      type === 'bool' ? this.bytes[at] !== 0 : undefined,
    )
  }

  /** A finite number; an integer must be exact as a double. A float32 is the shortest decimal that rounds to it. */
  number<T = never>(key: string, ...absent: T[]): number | T {
    return this.read(key, 'a number below 2^53', absent, ({ type, at }) => {
      if (type === 'string' || type === 'array' || type === 'bool') return undefined
      const value = exact(scalarReader(this.bytes, type)(at))
      return value !== undefined && type === 'float32' ? shortest(value) : value
    })
  }

  texts<T = never>(key: string, ...absent: T[]): string[] | T {
    return this.read(key, 'a list of texts', absent, ({ at, elements }) => {
      if (elements?.type !== 'string') return elements?.count === 0 ? [] : undefined
      const cursor = new ByteCursor(this.bytes, at)
      return Array.from({ length: this.bounded(key, elements.count) }, () => cursor.text(cursor.u64()))
    })
  }

  /** Numbers as they are stored; flags are 0 and 1. */
  numbers<T = never>(key: string, ...absent: T[]): number[] | T {
    return this.read(key, 'a list of numbers below 2^53', absent, ({ at, elements }) => {
      if (elements === undefined || elements.type === 'string' || elements.type === 'array') {
        return elements?.count === 0 ? [] : undefined
      }
      const read = scalarReader(this.bytes, elements.type)
      const size = scalarBytes(elements.type)
      const list: number[] = []
      for (let i = 0; i < this.bounded(key, elements.count); i++) {
        const value = exact(read(at + i * size))
        if (value === undefined) return undefined
        list.push(value)
      }
      return list
    })
  }

  /** Error of a value that makes no sense. */
  refuse(key: string, why: string): UserError {
    return new UserError(`${this.name}: ${printable(key)} ${why}`)
  }

  private read<V, T>(key: string, expected: string, absent: T[], decode: (value: StoredValue) => V | undefined): V | T {
    const stored = this.values.get(key)
    if (stored === undefined) {
      if (absent.length > 0) return absent[0]
      throw this.refuse(key, 'is missing in its metadata')
    }
    const value = decode(stored)
    if (value !== undefined) return value
    const type = stored.elements ? `an array of ${stored.elements.type}` : stored.type
    throw this.refuse(key, `must be ${expected}, and its value has the type ${type}`)
  }

  private textAt(at: number): string {
    const cursor = new ByteCursor(this.bytes, at)
    return cursor.text(cursor.u64())
  }

  private bounded(key: string, count: number): number {
    if (count <= MOST_ELEMENTS) return count
    throw this.refuse(key, `has ${count} elements, at most ${MOST_ELEMENTS} are read`)
  }
}

/** A scalar as a number; undefined if a double cannot hold it or it is not finite. */
function exact(value: number | bigint | boolean): number | undefined {
  const number = Number(value)
  const isExact = typeof value === 'bigint' ? Number.isSafeInteger(number) : Number.isFinite(number)
  return isExact ? number : undefined
}

/** The shortest decimal that rounds to a float32: converters write the 1e-5 of a config.json as float32. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits))
    if (Math.fround(decimal) === value) return decimal
  }
  return value
}
