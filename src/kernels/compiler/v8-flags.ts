import { UserError } from '../../ground/errors.js'
import { environmentVariable, V8_VERSION } from '../../ground/platform/process.js'

/*
 * Flags that make V8 compile the kernels well, by version.
 *
 * A wrong flag cannot be caught: V8 ends the process. So flags are set only on versions of V8 that they are proven on.
 * Every other version, newer or older, compiles the kernels with its defaults, which is correct everywhere and somewhat
 * slower (docs/SPEED.md).
 *
 * To prove another version, add its line to PROVEN with the flags of the version before it, and run `node
 * scripts/smoke.mjs`. It runs the kernels' proof, the reference checkpoints, a prompt, a chat and another module in the
 * same process, on each Node of the table and on the newest, with the flags and without; from then on `.ci/run` does,
 * too. Also compare `molm bench` with and without MOLM_V8_FLAGS=none: a flag that brings nothing does not belong here.
 */

/** A flag of V8 that differs from V8's default, and the default. */
export interface V8Flag {
  readonly set: string
  readonly unset: string
}

/** Relaxed SIMD; on by default from V8 11.4 on. */
const RELAXED_SIMD: V8Flag = { set: '--experimental-wasm-relaxed-simd', unset: '--no-experimental-wasm-relaxed-simd' }

/** Fuses neighbouring 128-bit operations to 256 bits: prefill is 1.4 times as fast. V8 12 ignores the flag. */
export const FUSED_VECTORS: V8Flag = {
  set: '--experimental-wasm-revectorize',
  unset: '--no-experimental-wasm-revectorize',
}

/**
 * Optimised code from the start. V8 11.3's baseline compiler gets the relaxed dot wrong. Besides, the proof of the
 * kernels (prove-products.ts) must test the code that will run, not baseline code that is replaced later.
 */
const NO_BASELINE: V8Flag = { set: '--no-liftoff', unset: '--liftoff' }

/** Before version 13, NO_BASELINE implies this flag, but setting it back does not set this one back. */
const NO_TIERING: V8Flag = { set: '--no-wasm-dynamic-tiering', unset: '--wasm-dynamic-tiering' }

/** Compiles the whole module at once, so that the flags can be set back afterwards. */
const NOT_LAZY: V8Flag = { set: '--no-wasm-lazy-compilation', unset: '--wasm-lazy-compilation' }

/**
 * No way back from optimised to baseline code. With NO_BASELINE there is no baseline code, and V8 14 ends the process
 * when it finds that out. It also does so when code that was compiled with a way back needs it while this flag is set,
 * so the flag must not be set in a process with other modules.
 */
const NO_DEOPTIMISATION: V8Flag = { set: '--no-wasm-deopt', unset: '--wasm-deopt' }

export interface ProvenVersion {
  /** Major and minor version. The minor counts: optimisers change from one to the next. */
  v8: string
  /** Major version of Node that contains it. */
  node: number
  /** Flags in the order of setting; they are set back in the opposite order. */
  flags: readonly V8Flag[]
  /**
   * Whether the flags can be set for the moment of compiling the kernels. Otherwise they are set once for the whole
   * process, before any module is compiled, and only if the process is molm's own.
   */
  forAMoment: boolean
}

export const PROVEN: readonly ProvenVersion[] = [
  { v8: '11.3', node: 20, flags: [NO_TIERING, NO_BASELINE, NOT_LAZY, RELAXED_SIMD], forAMoment: true },
  { v8: '12.4', node: 22, flags: [NO_TIERING, NO_BASELINE, NOT_LAZY], forAMoment: true },
  { v8: '13.6', node: 24, flags: [NO_BASELINE, NOT_LAZY, FUSED_VECTORS], forAMoment: true },
  { v8: '14.6', node: 26, flags: [NO_DEOPTIMISATION, NO_BASELINE, FUSED_VECTORS], forAMoment: false },
]

/** Entry of a version of V8, such as 14.6.202.34-node.34; undefined if no flags are proven on it. */
export function provenOn(version: string): ProvenVersion | undefined {
  const minor = minorOf(version)
  return PROVEN.find(({ v8 }) => v8 === minor)
}

/** Entry of this process's V8; also undefined if the user wants no flags (MOLM_V8_FLAGS=none). */
export function provenHere(): ProvenVersion | undefined {
  return environmentVariable('MOLM_V8_FLAGS') ? undefined : provenOn(V8_VERSION)
}

/** Throws a UserError if MOLM_V8_FLAGS has an unknown value. */
export function checkEnvironment(): void {
  const wanted = environmentVariable('MOLM_V8_FLAGS')
  if (wanted && wanted !== 'none') throw new UserError(`MOLM_V8_FLAGS is '${wanted}'; it can be 'none'`)
}

/** Describes how V8 compiles the kernels with these flags. */
export function describeCompiler(flags: readonly V8Flag[], version = V8_VERSION): string {
  const name = `V8 ${minorOf(version)}`
  if (flags.length > 0) return `${name} with ${flags.map(({ set }) => set).join(' ')}`
  if (provenOn(version)) return `${name} with its defaults`
  return `${name} with its defaults: flags are proven on ${PROVEN.map(({ v8 }) => v8).join(', ')} only`
}

/** 14.6.202.34-node.34 -> 14.6 */
function minorOf(version: string): string {
  return version.split('.', 2).join('.')
}
