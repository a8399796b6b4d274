import { UserError } from '../../ground/errors.js'
import { Arena } from './arena.js'
import { Control } from './control.js'

export interface KernelExports {
  enter(thread: number): void
  run(kind: number, chunks: number): void
  publish(kind: number, chunks: number): number
  help(seen: number): number
  copyRows(source: number, stride: number, target: number, targetStride: number, bytes: number, count: number): void
  transposeRows(
    source: number,
    stride: number,
    target: number,
    targetStride: number,
    n: number,
    count: number,
    isNarrow: boolean,
  ): void
  narrowRows(source: number, stride: number, target: number, targetStride: number, n: number, count: number): void
  quantizeHead(
    source: number,
    stride: number,
    page: number,
    first: number,
    size: number,
    count: number,
    areKeys: boolean,
  ): void
  quantizeRows(
    source: number,
    stride: number,
    target: number,
    targetStride: number,
    heads: number,
    size: number,
    count: number,
  ): void
}

/** Observes a grouped product before it runs: its inputs, and the first `groups` groups of the table at address `table`. */
export type ProductObserver = (input: { address: number; stride: number }, table: number, groups: number) => void

/**
 * One shared WebAssembly memory of at most 4 GiB, with the leader's instance of the kernels on it. Larger models are
 * divided into several banks by ranges of layers.
 */
export class Bank {
  readonly memory: WebAssembly.Memory
  readonly arena: Arena
  readonly control: Control
  readonly kernels: KernelExports
  /** Observer of all grouped products. Default: none. */
  productObserver?: ProductObserver
  /**
   * The whole memory as bytes; the other views as floats, words, half words and doubles. Do not keep them: when the
   * memory grows, older views are too short.
   */
  u8!: Uint8Array
  /** Index = address / 4. */
  f32!: Float32Array
  /** Index = address / 4. */
  u32!: Uint32Array
  /** Index = address / 2. */
  u16!: Uint16Array
  /** Index = address / 8. */
  f64!: Float64Array

  constructor(readonly module: WebAssembly.Module) {
    this.memory = createMemory()
    // Views are made when the memory grows, not at each use: `memory.buffer` is slow.
    this.arena = new Arena(this.memory, () => this.refresh())
    this.refresh()
    this.control = new Control(this.memory)
    this.kernels = instantiate(module, this.memory, 0)
  }

  /** Runs a job on all threads with the arguments in `control`; returns when it is finished. */
  run(kind: number, chunks: number): void {
    this.kernels.run(kind, chunks)
  }

  private refresh(): void {
    this.u8 = new Uint8Array(this.memory.buffer)
    this.f32 = new Float32Array(this.memory.buffer)
    this.u32 = new Uint32Array(this.memory.buffer)
    this.u16 = new Uint16Array(this.memory.buffer)
    this.f64 = new Float64Array(this.memory.buffer)
  }
}

/** V8 reserves the addresses of a whole memory and more, so that no access needs a bounds check. */
function createMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: 8, maximum: 65536, shared: true })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UserError(
      'no room for a WebAssembly memory, which takes 10 GiB of address space (though far less memory): ' +
        'lift the limit that `ulimit -v` shows, or set it to 24 GiB or more',
    )
  }
}

/** Instance of the kernels on a memory, for the thread with number `thread` (0 is the leader). */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, thread: number): KernelExports {
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  const kernels = instance.exports as unknown as KernelExports
  kernels.enter(thread)
  return kernels
}
