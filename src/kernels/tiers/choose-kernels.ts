import { UserError } from '../../ground/errors.js'
import { readResource } from '../../ground/platform/files.js'
import { environmentVariable, PROCESSOR, RUNTIME } from '../../ground/platform/process.js'
import { compile, kernelFlags } from '../compiler/compile.js'
import { FUSED_VECTORS, type V8Flag } from '../compiler/v8-flags.js'
import { Bank } from '../memory/bank.js'
import { proveProducts } from './prove-products.js'

/** Tiers of the kernels, fastest first. `scalar` is the reference that the tests compare the others with. */
export const TIERS = ['relaxed', 'plain', 'scalar'] as const
export type Tier = (typeof TIERS)[number]

/** Proven kernels and the memory of their proof. */
export interface ProvenKernels {
  tier: Tier
  /** Ready for use; the proof keeps some 70 KB of it. */
  bank: Bank
  flags: readonly V8Flag[]
}

/** Compiles the kernels of one tier. Throws a WebAssembly.CompileError if this V8 cannot. */
export function compileTier(tier: Tier, flags = kernelFlags()): WebAssembly.Module {
  return compile(readResource(new URL(`../../kernels/${tier}.wasm`, import.meta.url)), flags)
}

function tierFromEnvironment(): Tier | undefined {
  const wanted = environmentVariable('MOLM_KERNELS')
  if (!wanted) return undefined
  const tier = TIERS.find((name) => name === wanted)
  if (!tier) throw new UserError(`MOLM_KERNELS is '${wanted}'; it can be 'relaxed' or 'plain'`)
  return tier
}

/**
 * The fastest tier that computes correctly on this machine. Relaxed instructions are experimental in some V8 versions,
 * so a few small products with known results decide. A tier that is requested by name must pass as well.
 */
export function chooseKernels(wanted = tierFromEnvironment(), flags = kernelFlags()): ProvenKernels {
  const kernels = wanted ? tryTier(wanted, flags) : (tryTier('relaxed', flags) ?? tryTier('plain', flags))
  if (kernels) return kernels
  throw new UserError(hasSimd() ? `the '${wanted ?? 'plain'}' kernels compute wrong results on ${RUNTIME}` : NO_SIMD)
}

/** V8 has SIMD on x64 from SSE4.1 on, and needs no AVX for it. */
const NO_SIMD =
  PROCESSOR === 'x64'
    ? 'this processor lacks SSE4.1, which WebAssembly SIMD needs; Intel’s have it since 2008, AMD’s since 2011'
    : `${RUNTIME} has no WebAssembly SIMD on this processor (${PROCESSOR})`

/** Whether V8 compiles the kernels at all. */
function hasSimd(): boolean {
  try {
    compileTier('plain')
    return true
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return false
    throw error
  }
}

/** Tries a tier, if need be without V8's fusing of vectors, which has computed wrong results before. */
function tryTier(tier: Tier, flags: readonly V8Flag[]): ProvenKernels | undefined {
  const unfused = flags.filter((flag) => flag !== FUSED_VECTORS)
  return prove(tier, flags) ?? (unfused.length < flags.length ? prove(tier, unfused) : undefined)
}

function prove(tier: Tier, flags: readonly V8Flag[]): ProvenKernels | undefined {
  try {
    const bank = new Bank(compileTier(tier, flags))
    return proveProducts(bank) ? { tier, bank, flags } : undefined
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return undefined
    throw error
  }
}
