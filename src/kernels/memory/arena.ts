import { UserError } from '../../ground/errors.js'
import { Address } from '../abi/control.js'

/** Bytes of a WebAssembly page. */
const PAGE = 65536
/** End of a memory. wasm32 ends at 4 GiB; the last page is left out so that ends of ranges fit 32 bits. */
export const MEMORY_LIMIT = 65535 * PAGE
/** Least bytes that a memory grows by, since every thread has to notice. Untouched pages cost address space only. */
const GROWTH = 16 * 2 ** 20

/** Thrown if no range of the wanted size is left, or if the system refuses to let the memory grow. */
export class MemoryFull extends UserError {
  override name = 'MemoryFull'
}

/** Free addresses [start, end), given out before and returned. */
interface FreeRange {
  start: number
  end: number
}

/**
 * Hands out ranges of one shared memory, 64-byte aligned (a cache line, and more than any vector load asks for), and
 * grows the memory as needed.
 *
 * First fit in the order of addresses: a request takes the beginning of the lowest free range that is large enough. A
 * returned range joins its free neighbours, so several small ranges can later serve a large request, and one large
 * range several small ones.
 */
export class Arena {
  private next = Address.arena
  /** In ascending order. No two of them touch, and none touches `next`. */
  private readonly free: FreeRange[] = []
  /** Bytes given out and not returned. */
  used = 0
  /** Called for every range that is given out while `within` runs. */
  private taken?: (address: number, bytes: number) => void

  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly onGrowth: () => void,
  ) {}

  /** Bytes that can still be given out, though perhaps not in one piece. */
  get room(): number {
    return MEMORY_LIMIT - Address.arena - this.used
  }

  /** Range up to the last address in use: its first address and its bytes. */
  get range(): [number, number] {
    return [Address.arena, this.next - Address.arena]
  }

  /**
   * Address of a new range of `bytes` bytes. Its contents are unspecified after reuse, zero otherwise. Throws
   * MemoryFull, and changes nothing, if it does not fit.
   */
  allocate(bytes: number): number {
    const size = roundUp(bytes)
    const address = this.takeFree(size) ?? this.takeFresh(size)
    this.used += size
    this.taken?.(address, bytes)
    return address
  }

  /**
   * Runs `build` and returns a function that releases every range it has taken; if `build` throws, they are released at
   * once. For buffers that many objects take one by one and that are needed together. `prepare` is called for each
   * range as it is taken.
   */
  within(build: () => void, prepare?: (address: number, bytes: number) => void): () => void {
    const log: { address: number; bytes: number }[] = []
    const outer = this.taken
    this.taken = (address, bytes) => {
      log.push({ address, bytes })
      prepare?.(address, bytes)
    }
    const giveBack = () => {
      for (const { address, bytes } of log.splice(0)) this.release(address, bytes)
    }
    try {
      build()
    } catch (error) {
      giveBack()
      throw error
    } finally {
      this.taken = outer
    }
    return giveBack
  }

  /** Releases a range that `allocate` returned for the same number of bytes. */
  release(address: number, bytes: number): void {
    const size = roundUp(bytes)
    this.used -= size
    const { free } = this
    const at = this.firstAfter(address)
    const [before, after] = [free[at - 1], free[at]]
    const start = before?.end === address ? before.start : address
    const end = after?.start === address + size ? after.end : address + size
    const from = before?.end === address ? at - 1 : at
    const joined = (before?.end === address ? 1 : 0) + (after?.start === address + size ? 1 : 0)
    if (end === this.next) {
      free.splice(from, joined)
      this.next = start
    } else {
      free.splice(from, joined, { start, end })
    }
  }

  private takeFree(size: number): number | undefined {
    const at = this.free.findIndex(({ start, end }) => end - start >= size)
    if (at < 0) return undefined
    const range = this.free[at]
    const address = range.start
    range.start += size
    if (range.start === range.end) this.free.splice(at, 1)
    return address
  }

  private takeFresh(size: number): number {
    const address = this.next
    const end = address + size
    if (end > MEMORY_LIMIT) {
      throw new MemoryFull(`one WebAssembly memory ends at 4 GiB: another ${size} bytes do not fit`)
    }
    const missing = end - this.memory.buffer.byteLength
    if (missing > 0) this.grow(missing)
    this.next = end
    return address
  }

  private grow(bytes: number): void {
    const size = this.memory.buffer.byteLength
    const step = Math.min(Math.max(bytes, GROWTH), MEMORY_LIMIT - size)
    try {
      this.memory.grow(Math.ceil(step / PAGE))
    } catch (error) {
      if (error instanceof RangeError)
        throw new MemoryFull(`the system gives no more memory: ${step} bytes were asked for`)
      throw error
    }
    this.onGrowth()
  }

  private firstAfter(address: number): number {
    let [low, high] = [0, this.free.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.free[middle].start < address) low = middle + 1
      else high = middle
    }
    return low
  }
}

function roundUp(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 64)) * 64
}
