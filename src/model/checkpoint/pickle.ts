import { UserError } from '../../ground/errors.js'
import { printable } from '../../ground/printable.js'
import { ByteCursor, EndOfBytes } from './byte-cursor.js'
import { Opcode } from './pickle-opcodes.js'
import { PickleCallable, type PickleHost, type PickleObject, type PickleValue } from './pickle-value.js'

/** Maximum bytes of a pickle: enough for tens of thousands of tensors. */
export const MOST_PICKLE_BYTES = 16 * 2 ** 20

/** Maximum containers and memo entries. One byte can request one, so the bytes alone limit too little. */
const MOST_OBJECTS = 2 ** 20

/** Maximum bytes of an integer; torch's own magic number has 10. */
const MOST_INTEGER_BYTES = 255

/**
 * Reads one pickle as data: builds values, and calls only what the host supplies for a name on its list. Returns the
 * value and the end of the pickle, or undefined if the bytes end before the pickle does. Throws a UserError if the
 * pickle is broken, names anything else or uses an opcode that torch.save does not write.
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
): { value: PickleValue; end: number } | undefined {
  const cursor = new ByteCursor(bytes, start)
  try {
    const value = new Unpickler(cursor, host).run()
    return { value, end: cursor.at }
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

  constructor(
    private readonly cursor: ByteCursor,
    private readonly host: PickleHost,
  ) {}

  run(): PickleValue {
    for (;;) {
      const opcode = this.cursor.u8()
      if (opcode === Opcode.STOP) return this.pop()
      const value = this.pushed(opcode)
      if (value === undefined) this.act(opcode)
      else this.stack.push(value)
    }
  }

  /** The value that an opcode pushes; undefined if it does something else. */
  private pushed(opcode: Opcode): PickleValue | undefined {
    const { cursor } = this
    switch (opcode) {
      case Opcode.DUP:
        return this.top()
      case Opcode.NONE:
        return null
      case Opcode.NEWTRUE:
        return true
      case Opcode.NEWFALSE:
        return false
      case Opcode.BININT1:
        return cursor.u8()
      case Opcode.BININT2:
        return cursor.u16()
      case Opcode.BININT:
        return cursor.u32() | 0
      case Opcode.LONG1:
        return this.integer(cursor.u8())
      case Opcode.LONG4:
        return this.integer(cursor.u32())
      case Opcode.BINFLOAT:
        return cursor.f64()
      case Opcode.SHORT_BINUNICODE:
      case Opcode.SHORT_BINSTRING:
        return cursor.text(cursor.u8())
      case Opcode.BINUNICODE:
      case Opcode.BINSTRING:
        return cursor.text(cursor.u32())
      case Opcode.BINUNICODE8:
        return cursor.text(cursor.u64())
      case Opcode.SHORT_BINBYTES:
        return this.made(cursor.take(cursor.u8()))
      case Opcode.BINBYTES:
        return this.made(cursor.take(cursor.u32()))
      case Opcode.BINBYTES8:
        return this.made(cursor.take(cursor.u64()))
      case Opcode.EMPTY_TUPLE:
      case Opcode.EMPTY_LIST:
        return this.made([])
      case Opcode.TUPLE1:
      case Opcode.TUPLE2:
      case Opcode.TUPLE3:
        return this.made(this.popMany(opcode - Opcode.TUPLE1 + 1))
      case Opcode.TUPLE:
      case Opcode.LIST:
        return this.made(this.popToMark())
      case Opcode.EMPTY_DICT:
        return this.made(new Map())
      case Opcode.DICT:
        return this.filled(this.made(new Map()), this.popToMark())
      case Opcode.BINGET:
        return this.recall(cursor.u8())
      case Opcode.LONG_BINGET:
        return this.recall(cursor.u32())
      case Opcode.GLOBAL:
        return this.global(cursor.line(), cursor.line())
      case Opcode.STACK_GLOBAL: {
        const [module, name] = this.popMany(2)
        return this.global(module, name)
      }
      case Opcode.REDUCE:
      case Opcode.NEWOBJ:
        return this.made(this.called())
      case Opcode.BINPERSID:
        return this.made(this.host.persistent(this.pop()))
    }
    return undefined
  }

  /** Executes an opcode that pushes nothing. */
  private act(opcode: Opcode): unknown {
    const { cursor, stack } = this
    switch (opcode) {
      case Opcode.PROTO:
        if (cursor.u8() > 5) throw this.broken('it has an unknown protocol')
        return
      case Opcode.FRAME:
        return cursor.u64()
      case Opcode.MARK:
        return this.marks.push(stack.length)
      case Opcode.POP:
        return this.pop()
      case Opcode.POP_MARK:
        return this.popToMark()
      case Opcode.APPEND:
        return this.extendList(this.popMany(1))
      case Opcode.APPENDS:
        return this.extendList(this.popToMark())
      case Opcode.SETITEM:
        return this.fillDict(this.popMany(2))
      case Opcode.SETITEMS:
        return this.fillDict(this.popToMark())
      case Opcode.BINPUT:
        return this.memorize(cursor.u8())
      case Opcode.LONG_BINPUT:
        return this.memorize(cursor.u32())
      case Opcode.MEMOIZE:
        return this.memorize(this.memo.size)
      case Opcode.BUILD:
        return this.setState()
    }
    throw this.broken(`it uses the opcode 0x${(opcode as number).toString(16)}, which torch.save does not write`)
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

  private global(module: PickleValue, name: PickleValue): PickleObject {
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
