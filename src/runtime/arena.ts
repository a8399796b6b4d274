import { Address } from './abi.js'

/** Bytes of a WebAssembly page. */
const PAGE = 65536
/** Highest address of one memory: wasm32 ends at 4 GiB; the last page is left out so that ends of ranges fit 32 bits. */
export const MEMORY_LIMIT = 65535 * PAGE
/** Least bytes that a memory grows by: every thread is told of it. Untouched pages cost address space only. */
const GROWTH = 16 * 2 ** 20

/**
 * Hands out ranges of one shared memory, 64-byte aligned (a cache line, and more than any vector load asks for), and
 * grows the memory as needed. Freed ranges are kept by size and given out again for the same size: what is freed here
 * (cache pages, experts, buffers) comes in few sizes.
 */
export class Arena {
  private next = Address.arena
  private readonly free = new Map<number, number[]>()
  /** Bytes given out and not returned. */
  used = 0

  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly onGrowth: () => void,
  ) {}

  /** Address of `bytes` fresh bytes; their contents are unspecified after reuse, zero otherwise. */
  allocate(bytes: number): number {
    const size = roundUp(bytes)
    this.used += size
    const reused = this.free.get(size)?.pop()
    if (reused !== undefined) return reused
    const address = this.next
    const end = address + size
    if (end > MEMORY_LIMIT) {
      throw new Error(`one WebAssembly memory ends at 4 GiB: ${size} bytes more do not fit`)
    }
    const missing = end - this.memory.buffer.byteLength
    if (missing > 0) {
      this.grow(missing)
    }
    this.next = end
    return address
  }

  private grow(bytes: number): void {
    const size = this.memory.buffer.byteLength
    const step = Math.min(Math.max(bytes, GROWTH), MEMORY_LIMIT - size)
    this.memory.grow(Math.ceil(step / PAGE))
    this.onGrowth()
  }

  /** Everything given out so far: its first address and its bytes. */
  get range(): [number, number] {
    return [Address.arena, this.next - Address.arena]
  }

  /** Returns a range that `allocate` gave out for the same number of bytes. */
  release(address: number, bytes: number): void {
    const size = roundUp(bytes)
    this.used -= size
    const list = this.free.get(size)
    if (list) list.push(address)
    else this.free.set(size, [address])
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 64) * 64
}
