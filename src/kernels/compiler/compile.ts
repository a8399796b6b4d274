import { setV8Flag } from '../../ground/platform/process.js'
import { inheritedWord, threadId } from '../../ground/platform/threads.js'
import { checkEnvironment, FUSED_VECTORS, provenHere, type V8Flag } from './v8-flags.js'

/*
 * V8's flags belong to the whole process, and thus also to a caller that has other WebAssembly modules. If
 * possible, they are set only while V8 compiles the kernels, some 100 ms, and then set back. Code that other threads
 * compile in this time gets the same flags.
 */

/** In place of the number of a thread: the flags stay set. */
const FOR_GOOD = -1

const fused = new WeakSet<WebAssembly.Module>()

/** Whether V8 fuses neighbouring 128-bit operations of a module that this thread has compiled. */
export function fusesVectors(module: WebAssembly.Module): boolean {
  return fused.has(module)
}

/**
 * Sets V8's flags for the rest of the process if they cannot be set for a moment only. Call it before any module is
 * compiled, in a process that has no other use for WebAssembly.
 */
export function setFlagsForGood(): void {
  const proven = provenHere()
  if (!proven || proven.forAMoment || Atomics.exchange(owner(), 0, FOR_GOOD) === FOR_GOOD) return
  for (const { set } of proven.flags) setV8Flag(set)
}

/** Flags for kernels that are compiled now; `allowed` is whether they may be set for it. */
export function kernelFlags(allowed = true): readonly V8Flag[] {
  checkEnvironment()
  const proven = provenHere()
  const areThere = Atomics.load(owner(), 0) === FOR_GOOD
  return proven && (areThere || (allowed && proven.forAMoment)) ? proven.flags : []
}

/** Compiles a module with flags of V8 that affect only this module. Throws a WebAssembly.CompileError if V8 cannot. */
export function compile(bytes: Uint8Array<ArrayBuffer>, flags: readonly V8Flag[]): WebAssembly.Module {
  const module = withFlags(flags, () => new WebAssembly.Module(bytes))
  if (flags.includes(FUSED_VECTORS)) fused.add(module)
  return module
}

/** Prepares for starting a thread that compiles kernels: it inherits the word of `owner`. */
export function prepareToCompile(): void {
  owner()
}

/** Sets back the flags of a thread that was terminated, if that happened while it compiled. */
export function setBackFlagsOf(thread: number): void {
  if (Atomics.load(owner(), 0) === thread + 1) setBack(provenHere()?.flags ?? [], thread)
}

/**
 * Lock that threads share: one more than the number of the thread that has set the flags, or 0 if it is free. Two
 * threads must not set them at once: the first to finish would set them back under the other.
 */
function owner(): Int32Array {
  return inheritedWord('molm: thread that has set flags of V8')
}

/** Maximum wait for another thread. One that takes longer has been terminated, and nothing has set back its flags. */
const PATIENCE_MS = 10_000

function withFlags<T>(flags: readonly V8Flag[], work: () => T): T {
  const word = owner()
  for (let other = take(word); other !== 0; other = take(word)) {
    if (other === FOR_GOOD) {
      // The others stay set. Kernels may be better without this one (choose-kernels.ts).
      setV8Flag(flags.includes(FUSED_VECTORS) ? FUSED_VECTORS.set : FUSED_VECTORS.unset)
      return work()
    }
    if (Atomics.wait(word, 0, other, PATIENCE_MS) === 'timed-out') Atomics.compareExchange(word, 0, other, 0)
  }
  try {
    for (const { set } of flags) setV8Flag(set)
    return work()
  } finally {
    setBack(flags, threadId)
  }
}

/** Takes the word for this thread. Returns 0, or the word of the thread that has it. */
function take(word: Int32Array): number {
  return Atomics.compareExchange(word, 0, 0, threadId + 1)
}

/** Sets flags back in the opposite order: there is never a combination of flags that did not occur before. */
function setBack(flags: readonly V8Flag[], thread: number): void {
  const word = owner()
  for (const { unset } of [...flags].reverse()) setV8Flag(unset)
  if (Atomics.compareExchange(word, 0, thread + 1, 0) === thread + 1) Atomics.notify(word, 0)
}
