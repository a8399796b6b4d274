const MASK_32 = 0xffffffffn
const MASK_64 = 0xffffffffffffffffn

/**
 * xoshiro128** 1.1 (Blackman and Vigna): 128 bits of state, period 2^128 - 1. It needs only 32-bit integer operations,
 * so the same seed gives the same numbers on every platform.
 */
export class Random {
  private readonly state: Uint32Array

  /** Takes four 32-bit words of state, not all zero; `seededRandom` makes them from one number. */
  constructor(state: readonly [number, number, number, number]) {
    this.state = Uint32Array.from(state)
  }

  /** The next integer, uniform in 0 ... 2^32 - 1. */
  nextUint32(): number {
    const s = this.state
    const scrambled = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0
    const shifted = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = rotateLeft(s[3], 11)
    return scrambled
  }

  /** The next number, uniform in [0, 1) with all 53 bits of a double. Takes two words, the high one first. */
  nextFloat(): number {
    const high = this.nextUint32() >>> 5 // 27 bits
    const low = this.nextUint32() >>> 6 // 26 bits
    return (high * 2 ** 26 + low) / 2 ** 53
  }
}

/**
 * A generator for a seed, an integer in 0 ... 2^53 - 1. The state is the output of SplitMix64 from that seed, as its
 * authors advise: seeds that differ in one bit start far apart, and the state is never all zero.
 */
export function seededRandom(seed: number): Random {
  let counter = BigInt(seed)
  const next64 = () => {
    counter = (counter + 0x9e3779b97f4a7c15n) & MASK_64
    let z = counter
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64
    return z ^ (z >> 31n)
  }
  const first = next64()
  const second = next64()
  return new Random([Number(first & MASK_32), Number(first >> 32n), Number(second & MASK_32), Number(second >> 32n)])
}

/** A random seed: 32 bits from the system, few enough to type again. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits))
}
