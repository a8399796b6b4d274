import { joinBytes, littleEndian } from '../support/bytes.js'
import type { Chance } from './chance.js'

/** Numbers that often break counts and offsets. */
const NUMBERS = [
  ...[0n, 1n, 2n, 7n, 8n, 0x7fn, 0x80n, 0xffn, 0x100n, 0x7fffn, 0x8000n, 0xffffn, 0x10000n, 0x7fffffffn],
  ...[0x80000000n, 0xfffffffen, 0xffffffffn, 0x100000000n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
]

/** Copy of bytes with one to three faults, all noted. */
export function harmBytes(bytes: Uint8Array, chance: Chance, name = 'bytes'): Uint8Array {
  let harmed = bytes
  for (let left = chance.oneIn(2) ? 1 : chance.between(1, 3); left > 0; left--) {
    const at = chance.below(harmed.length + 1)
    const fault = chance.pick(FAULTS)
    chance.note(`${name}: ${fault.name} at ${at} of ${harmed.length}`)
    harmed = fault(harmed, at, chance)
  }
  return harmed
}

type Fault = (bytes: Uint8Array, at: number, chance: Chance) => Uint8Array

const FAULTS: Fault[] = [
  function flippedBit(bytes, at, chance) {
    const copy = bytes.slice()
    if (at < copy.length) copy[at] ^= 1 << chance.below(8)
    return copy
  },
  function otherByte(bytes, at, chance) {
    const copy = bytes.slice()
    if (at < copy.length)
      copy[at] = chance.oneIn(3) ? chance.pick([0, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x2e]) : chance.below(256)
    return copy
  },
  function otherNumber(bytes, at, chance) {
    const number = littleEndian(chance.pick(NUMBERS), chance.pick([1, 2, 4, 8]))
    return joinBytes(bytes.subarray(0, at), number, bytes.subarray(at + number.length)).subarray(0, bytes.length)
  },
  function removal(bytes, at, chance) {
    return joinBytes(bytes.subarray(0, at), bytes.subarray(at + 1 + chance.size(bytes.length - at)))
  },
  function repetition(bytes, at, chance) {
    const end = at + 1 + chance.size(Math.min(bytes.length - at, 4096))
    return joinBytes(bytes.subarray(0, end), bytes.subarray(at))
  },
  function insertion(bytes, at, chance) {
    return joinBytes(bytes.subarray(0, at), chance.bytes(1 + chance.size(64)), bytes.subarray(at))
  },
  function copyFromElsewhere(bytes, at, chance) {
    const copy = bytes.slice()
    const from = chance.below(bytes.length + 1)
    const length = Math.min(1 + chance.size(256), bytes.length - at, bytes.length - from)
    if (length > 0) copy.set(bytes.subarray(from, from + length), at)
    return copy
  },
  function cut(bytes, at) {
    return bytes.slice(0, at)
  },
  function moreAtTheEnd(bytes, _, chance) {
    return joinBytes(bytes, new Uint8Array(1 + chance.size(4096)))
  },
]
