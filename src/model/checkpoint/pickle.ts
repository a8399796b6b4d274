import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { ByteCursor, EndOfBytes } from './byte-cursor.js'

/** Maximum bytes of a pickle: enough for tens of thousands of tensors. */
export const MOST_PICKLE_BYTES = 16 * 2 ** 20

/** Maximum containers and memo entries. One byte can request one, so the bytes alone limit too little. */
const MOST_OBJECTS = 2 ** 20

const STOP = 0x2e

const MOST_INTEGER_BYTES = 255

/**
 * Reads a pickle as data: builds values, and calls only what the host supplies for a name on its list. Returns undefined
 * if the bytes end before the pickle does. Throws a UserError if the pickle is broken, names anything else or uses an
 * opcode that torch.save does not write.
 */
export function unpickle(bytes: Uint8Array, host: PickleHost): PickleValue | undefined {
  try {
    return new Unpickler(new ByteCursor(bytes, 0), host).run()
  } catch (error) {
    if (error instanceof EndOfBytes) return undefined
    throw error
  }
}

class Unpickler {
  private readonly stack: PickleValue[] = []
  /** Heights of the stack at each open MARK. */
  private readonly marks: number[] = []
  private readonly memo = new Map<number, PickleValue>()
  private objects = 0

  /** Opcodes that push a value, with their names in Python's pickletools. Python 2 wrote texts as strings of bytes. */
  private readonly values: ReadonlyMap<number, () => PickleValue> = new Map<number, () => PickleValue>([
    [0x32, () => this.top()], // DUP
    [0x4e, () => null], // NONE
    [0x88, () => true], // NEWTRUE
    [0x89, () => false], // NEWFALSE
    [0x4b, () => this.cursor.u8()], // BININT1
    [0x4d, () => this.cursor.u16()], // BININT2
    [0x4a, () => this.cursor.u32() | 0], // BININT
    [0x8a, () => this.integer(this.cursor.u8())], // LONG1
    [0x8b, () => this.integer(this.cursor.u32())], // LONG4
    [0x47, () => this.cursor.f64()], // BINFLOAT
    [0x8c, () => this.cursor.text(this.cursor.u8())], // SHORT_BINUNICODE
    [0x55, () => this.cursor.text(this.cursor.u8())], // SHORT_BINSTRING
    [0x58, () => this.cursor.text(this.cursor.u32())], // BINUNICODE
    [0x54, () => this.cursor.text(this.cursor.u32())], // BINSTRING
    [0x8d, () => this.cursor.text(this.cursor.u64())], // BINUNICODE8
    [0x43, () => this.made(this.cursor.take(this.cursor.u8()))], // SHORT_BINBYTES
    [0x42, () => this.made(this.cursor.take(this.cursor.u32()))], // BINBYTES
    [0x8e, () => this.made(this.cursor.take(this.cursor.u64()))], // BINBYTES8
    [0x29, () => this.made([])], // EMPTY_TUPLE
    [0x5d, () => this.made([])], // EMPTY_LIST
    [0x85, () => this.made(this.popMany(1))], // TUPLE1
    [0x86, () => this.made(this.popMany(2))], // TUPLE2
    [0x87, () => this.made(this.popMany(3))], // TUPLE3
    [0x74, () => this.made(this.popToMark())], // TUPLE
    [0x6c, () => this.made(this.popToMark())], // LIST
    [0x7d, () => this.made(new Map())], // EMPTY_DICT
    [0x64, () => this.filled(this.made(new Map()), this.popToMark())], // DICT
    [0x68, () => this.recall(this.cursor.u8())], // BINGET
    [0x6a, () => this.recall(this.cursor.u32())], // LONG_BINGET
    [0x63, () => this.global([this.cursor.line(), this.cursor.line()])], // GLOBAL
    [0x93, () => this.global(this.popMany(2))], // STACK_GLOBAL
    [0x52, () => this.made(this.called())], // REDUCE
    [0x81, () => this.made(this.called())], // NEWOBJ
    [0x51, () => this.made(this.host.persistent(this.pop()))], // BINPERSID
  ])

  /** Opcodes that push nothing. */
  private readonly actions: ReadonlyMap<number, () => unknown> = new Map([
    [0x80, () => this.checkProtocol()], // PROTO
    [0x95, () => this.cursor.u64()], // FRAME
    [0x28, () => this.marks.push(this.stack.length)], // MARK
    [0x30, () => this.pop()], // POP
    [0x31, () => this.popToMark()], // POP_MARK
    [0x61, () => this.extendList(this.popMany(1))], // APPEND
    [0x65, () => this.extendList(this.popToMark())], // APPENDS
    [0x73, () => this.fillDict(this.popMany(2))], // SETITEM
    [0x75, () => this.fillDict(this.popToMark())], // SETITEMS
    [0x71, () => this.memorize(this.cursor.u8())], // BINPUT
    [0x72, () => this.memorize(this.cursor.u32())], // LONG_BINPUT
    [0x94, () => this.memorize(this.memo.size)], // MEMOIZE
    [0x62, () => this.setState()], // BUILD
  ])

  constructor(
    private readonly cursor: ByteCursor,
    private readonly host: PickleHost,
  ) {}

  run(): PickleValue {
    for (;;) {
      const opcode = this.cursor.u8()
      if (opcode === STOP) return this.pop()
      const [push, act] = [this.values.get(opcode), this.actions.get(opcode)]
      if (push) this.stack.push(push())
      else if (act) act()
      else throw this.broken(`it uses the opcode 0x${opcode.toString(16)}, which torch.save does not write`)
    }
  }

  private checkProtocol(): void {
    if (this.cursor.u8() > 5) throw this.broken('it has an unknown protocol')
  }

  private top(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw this.broken('it takes from an empty stack')
    return this.stack[this.stack.length - 1]
  }

  private pop(): PickleValue {
    const value = this.top()
    this.stack.pop()
    return value
  }

  private popMany(count: number): PickleValue[] {
    if (this.stack.length - count < (this.marks.at(-1) ?? 0)) throw this.broken('it takes from an empty stack')
    return this.stack.splice(this.stack.length - count, count)
  }

  private popToMark(): PickleValue[] {
    const height = this.marks.pop()
    if (height === undefined) throw this.broken('it closes a mark that it has not opened')
    return this.stack.splice(height)
  }

  private made<T extends PickleValue>(value: T): T {
    if (++this.objects > MOST_OBJECTS) throw this.broken(`it asks for more than ${MOST_OBJECTS} objects`)
    return value
  }

  private memorize(index: number): void {
    this.memo.set(index, this.made(this.top()))
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index)
    if (value === undefined) throw this.broken(`it refers to the missing entry ${index} of its memo`)
    return value
  }

  /** An integer of `length` bytes in two's complement, little-endian; a bigint only if a number would not be exact. */
  private integer(length: number): number | bigint {
    if (length > MOST_INTEGER_BYTES) throw this.broken(`it has an integer of ${length} bytes`)
    const bytes = this.cursor.take(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i])
    value = BigInt.asIntN(8 * length, value)
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  private extendList(items: PickleValue[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw this.broken('it appends to something that is not a list')
    for (const item of items) list.push(item)
  }

  private fillDict(items: PickleValue[]): void {
    this.filled(this.top(), items)
  }

  private filled(dict: PickleValue, items: PickleValue[]): PickleValue {
    if (!(dict instanceof Map) || items.length % 2 !== 0)
      throw this.broken('it sets items of something that is not a dict')
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
    return dict
  }

  private global([module, name]: PickleValue[]): PickleObject {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.broken('it names something without a text')
    const found = this.host.global(`${module}.${name}`)
    if (found) return found
    throw new UserError(
      `${this.host.file}: refused, because its pickle asks for ${printable(`${module}.${name}`)}, which no plain ` +
        'checkpoint needs. None of it was run. Use a checkpoint that holds only tensors, best in safetensors.',
    )
  }

  private called(): PickleValue {
    const [callable, args] = this.popMany(2)
    if (!(callable instanceof PickleCallable) || !Array.isArray(args))
      throw this.broken('it calls something that cannot be called')
    return callable.call(args)
  }

  /** Drops the state of an object: torch.save sets only attributes of an OrderedDict, which are not needed. */
  private setState(): void {
    this.pop()
    if (!(this.top() instanceof Map)) throw this.broken('it sets the state of something that is not a dict')
  }

  private broken(why: string): UserError {
    return new UserError(
      `${this.host.file}: its pickle cannot be read, ${why} (byte ${this.cursor.at}); fetch the file again`,
    )
  }
}

/** Value in a pickle. Tuples and lists are both arrays; every dict is a Map. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleObject

/** Value that a host supplies for a class, a function or an object of another kind. */
export abstract class PickleObject {
  /** No other value has it, so that the types differ. */
  protected readonly isSupplied = true
}

/** Function that a host supplies for a class or function that the pickle names. */
export class PickleCallable extends PickleObject {
  constructor(readonly call: (args: PickleValue[]) => PickleValue) {
    super()
  }
}

/** Supplies the values outside a pickle that it may refer to. */
export interface PickleHost {
  /** Name of the file, for error messages. */
  file: string
  /** Value for `module.name`; undefined refuses the pickle. */
  global(name: string): PickleObject | undefined
  persistent(id: PickleValue): PickleValue
}
