import { UserError } from '../../errors.js'
import { readResource } from '../../platform/files.js'
import { environmentVariable, RUNTIME } from '../../platform/process.js'
import { compile, kernelFlags } from '../compiler/compile.js'
import { FUSED_VECTORS, type V8Flag } from '../compiler/v8-flags.js'
import { Bank } from '../memory/bank.js'
import { proveProducts } from './prove-products.js'

/** Tiers of the kernels, fastest first. `scalar` is the reference that the tests hold the others against. */
export const TIERS = ['relaxed', 'plain', 'scalar'] as const
export type Tier = (typeof TIERS)[number]

/** Kernels that have proven themselves, in the memory in which they did so. */
export interface ProvenKernels {
  tier: Tier
  /** Ready for use; some 50 KB of it stay with the proof. */
  bank: Bank
  /** What V8 was told for them. */
  flags: readonly V8Flag[]
}

/** Compiles the kernels of one tier; throws where this V8 cannot. */
export function compileTier(tier: Tier, flags = kernelFlags()): WebAssembly.Module {
  return compile(readResource(new URL(`../../kernels/${tier}.wasm`, import.meta.url)), flags)
}

/** Tier asked for in MOLM_KERNELS, if any. */
function tierFromEnvironment(): Tier | undefined {
  const wanted = environmentVariable('MOLM_KERNELS')
  if (!wanted) return undefined
  const tier = TIERS.find((name) => name === wanted)
  if (!tier) throw new UserError(`MOLM_KERNELS is '${wanted}'; it can be 'relaxed' or 'plain'`)
  return tier
}

/**
 * The fastest tier that this machine computes right: relaxed instructions are experimental in some V8 versions, so a
 * few small products with known answers decide. A tier asked for by name must pass as well.
 */
export function chooseKernels(wanted = tierFromEnvironment(), flags = kernelFlags()): ProvenKernels {
  const kernels = wanted ? tryTier(wanted, flags) : (tryTier('relaxed', flags) ?? tryTier('plain', flags))
  if (kernels) return kernels
  if (wanted) throw new UserError(`the '${wanted}' kernels do not run right on ${RUNTIME}`)
  throw new UserError(`WebAssembly SIMD does not work on ${RUNTIME}; Node 20 or newer has it`)
}

/** A tier, if need be without V8's fusing of vectors, which is what computed wrong before. */
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
