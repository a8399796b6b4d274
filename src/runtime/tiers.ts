import { readFileSync } from 'node:fs'
import { UserError } from '../errors.js'
import { Bank } from './bank.js'
import { proveProducts } from './proof.js'
import { fusesVectors, stopFusing } from './v8-flags.js'

/** Tiers of the kernels, fastest first. `scalar` is the reference that the tests hold the others against. */
export const TIERS = ['relaxed', 'plain', 'scalar'] as const
export type Tier = (typeof TIERS)[number]

export interface CompiledKernels {
  tier: Tier
  module: WebAssembly.Module
}

/** Compiles the kernels of one tier; throws where this V8 cannot. */
export function compileTier(tier: Tier): CompiledKernels {
  const bytes = readFileSync(new URL(`../kernels/${tier}.wasm`, import.meta.url))
  return { tier, module: new WebAssembly.Module(bytes) }
}

/** Tier asked for in MOLM_KERNELS, if any. */
export function tierFromEnvironment(): Tier | undefined {
  const wanted = process.env.MOLM_KERNELS
  if (!wanted) return undefined
  const tier = TIERS.find((name) => name === wanted)
  if (!tier) throw new UserError(`MOLM_KERNELS is '${wanted}'; it can be 'relaxed' or 'plain'`)
  return tier
}

/**
 * The fastest tier that this machine computes right: relaxed instructions are experimental in some V8 versions, so a
 * few small products with known answers decide. A tier asked for by name must pass as well.
 */
export function chooseKernels(wanted = tierFromEnvironment()): CompiledKernels {
  if (wanted) {
    const kernels = tryTier(wanted) ?? retryUnfused(wanted)
    if (!kernels) throw new UserError(`the '${wanted}' kernels do not run right on Node ${process.versions.node}`)
    return kernels
  }
  const kernels = tryTier('relaxed') ?? retryUnfused('relaxed') ?? tryTier('plain')
  if (!kernels) {
    throw new UserError(`WebAssembly SIMD does not work on Node ${process.versions.node}; Node 20 or newer has it`)
  }
  return kernels
}

/** Once more without V8's fusing of vectors, if that is what computes wrong. */
function retryUnfused(tier: Tier): CompiledKernels | undefined {
  if (!fusesVectors()) return undefined
  stopFusing()
  return tryTier(tier)
}

function tryTier(tier: Tier): CompiledKernels | undefined {
  try {
    const kernels = compileTier(tier)
    return proveProducts(new Bank(kernels.module)) ? kernels : undefined
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return undefined
    throw error
  }
}
