import { joinBytes, littleEndian } from './bytes.js'

/** Python values as torch.save pickles them. Arrays are lists, Maps are dicts. */
export type Py = null | boolean | number | bigint | string | Py[] | Map<Py, Py> | Tuple | Global | Call | Persistent

export class Tuple {
  readonly items: Py[]
  constructor(...items: Py[]) {
    this.items = items
  }
}

export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** Result of an object's __reduce__: a call fn(*args), then items to set, then a state. */
export class Call {
  constructor(
    readonly fn: Global,
    readonly args: Tuple,
    readonly items: [Py, Py][] = [],
    readonly state?: Py,
  ) {}
}

export class Persistent {
  constructor(readonly id: Tuple) {}
}

/** Python's Pickler writes items in batches of this many. */
const BATCH = 1000

/** Pickles a value like Python's Pickler, which memoizes every object and text at its first appearance. */
export function pickle(value: Py, protocol: 2 | 4 = 2): Uint8Array {
  const body = new Pickler(protocol).pickle(value)
  const frame = protocol === 4 ? joinBytes([0x95], littleEndian(body.length, 8)) : []
  return joinBytes([0x80, protocol], frame, body)
}

class Pickler {
  private readonly out: number[] = []
  private readonly memo = new Map<unknown, number>()

  constructor(private readonly protocol: 2 | 4) {}

  pickle(value: Py): Uint8Array {
    this.save(value)
    this.op('.')
    return Uint8Array.from(this.out)
  }

  private op(code: string | number, ...bytes: number[]): void {
    this.out.push(typeof code === 'string' ? code.charCodeAt(0) : code, ...bytes)
  }

  private save(value: Py): void {
    const key = value instanceof Global ? `${value.module} ${value.name} (global)` : value
    const known = this.memo.get(key)
    if (known !== undefined) {
      if (known < 256) this.op('h', known)
      else this.op('j', ...littleEndian(known, 4))
    } else if (value === null) this.op('N')
    else if (typeof value === 'boolean') this.op(value ? 0x88 : 0x89)
    else if (typeof value === 'number' || typeof value === 'bigint') this.saveNumber(value)
    else if (typeof value === 'string') this.saveText(value)
    else if (value instanceof Global) this.saveGlobal(value, key)
    else if (value instanceof Tuple) this.saveTuple(value)
    else if (value instanceof Call) this.saveCall(value)
    else if (value instanceof Persistent) {
      this.save(value.id)
      this.op('Q')
    } else if (value instanceof Map) {
      this.op('}')
      this.memorize(value)
      this.saveItems([...value])
    } else {
      this.op(']')
      this.memorize(value)
      this.op('(')
      for (const item of value) this.save(item)
      this.op('e')
    }
  }

  private saveNumber(value: number | bigint): void {
    if (typeof value === 'number' && !Number.isInteger(value)) {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setFloat64(0, value)
      this.op('G', ...bytes)
    } else if (value >= 0 && value < 0x100) this.op('K', Number(value))
    else if (value >= 0 && value < 0x10000) this.op('M', ...littleEndian(value, 2))
    else if (value >= -0x80000000 && value < 0x80000000) this.op('J', ...littleEndian(value, 4))
    else {
      let length = 1
      while (BigInt.asIntN(8 * length, BigInt(value)) !== BigInt(value)) length++
      this.op(0x8a, length, ...littleEndian(value, length))
    }
  }

  private saveText(text: string): void {
    const bytes = new TextEncoder().encode(text)
    if (this.protocol === 4 && bytes.length < 256) this.op(0x8c, bytes.length, ...bytes)
    else this.op('X', ...littleEndian(bytes.length, 4), ...bytes)
    this.memorize(text)
  }

  private saveGlobal({ module, name }: Global, key: unknown): void {
    if (this.protocol === 4) {
      this.save(module)
      this.save(name)
      this.op(0x93)
    } else this.op('c', ...joinBytes(`${module}\n${name}\n`))
    this.memorize(key)
  }

  private saveTuple(tuple: Tuple): void {
    const { items } = tuple
    if (items.length > 3) this.op('(')
    for (const item of items) this.save(item)
    if (items.length === 0) {
      this.op(')')
      return
    }
    this.op(items.length > 3 ? 't' : 0x84 + items.length)
    this.memorize(tuple)
  }

  private saveCall(call: Call): void {
    this.save(call.fn)
    this.save(call.args)
    this.op('R')
    this.memorize(call)
    this.saveItems(call.items)
    if (call.state !== undefined) {
      this.save(call.state)
      this.op('b')
    }
  }

  private saveItems(items: [Py, Py][]): void {
    for (let from = 0; from < items.length; from += BATCH) {
      const batch = items.slice(from, from + BATCH)
      if (batch.length > 1) this.op('(')
      for (const item of batch.flat()) this.save(item)
      this.op(batch.length > 1 ? 'u' : 's')
    }
  }

  private memorize(key: unknown): void {
    const index = this.memo.size
    this.memo.set(key, index)
    if (this.protocol === 4) this.op(0x94)
    else if (index < 256) this.op('q', index)
    else this.op('r', ...littleEndian(index, 4))
  }
}
