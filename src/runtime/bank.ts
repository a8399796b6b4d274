import { Arena } from './arena.js'
import { Control } from './control.js'

/** What assembly/index.ts exports. */
export interface KernelExports {
  enter(thread: number): void
  run(kind: number, chunks: number): void
  publish(kind: number, chunks: number): number
  help(seen: number): number
}

/**
 * One shared WebAssembly memory of at most 4 GiB, with the leader's instance of the kernels on it. Models beyond that
 * size lie in several banks, by ranges of layers.
 */
export class Bank {
  readonly memory: WebAssembly.Memory
  readonly arena: Arena
  readonly control: Control
  readonly kernels: KernelExports
  private bytes: Uint8Array
  private floats: Float32Array
  private words: Uint32Array

  constructor(readonly module: WebAssembly.Module) {
    this.memory = new WebAssembly.Memory({ initial: 8, maximum: 65536, shared: true })
    this.arena = new Arena(this.memory)
    this.control = new Control(this.memory)
    this.kernels = instantiate(module, this.memory, 0)
    this.bytes = new Uint8Array(this.memory.buffer)
    this.floats = new Float32Array(this.memory.buffer)
    this.words = new Uint32Array(this.memory.buffer)
  }

  /** The whole memory as bytes. Do not keep: growing the memory makes older views too short. */
  get u8(): Uint8Array {
    if (this.bytes.buffer !== this.memory.buffer) this.refresh()
    return this.bytes
  }

  /** The whole memory as floats; index = address / 4. */
  get f32(): Float32Array {
    if (this.floats.buffer !== this.memory.buffer) this.refresh()
    return this.floats
  }

  /** The whole memory as 32-bit words; index = address / 4. */
  get u32(): Uint32Array {
    if (this.words.buffer !== this.memory.buffer) this.refresh()
    return this.words
  }

  /** Runs a job on all threads with the arguments in `control`; returns when it is finished. */
  run(kind: number, chunks: number): void {
    this.kernels.run(kind, chunks)
  }

  private refresh(): void {
    this.bytes = new Uint8Array(this.memory.buffer)
    this.floats = new Float32Array(this.memory.buffer)
    this.words = new Uint32Array(this.memory.buffer)
  }
}

/** An instance of the kernels on a memory, for the thread with number `thread` (0 is the leader). */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, thread: number): KernelExports {
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  const kernels = instance.exports as unknown as KernelExports
  kernels.enter(thread)
  return kernels
}
