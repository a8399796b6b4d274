import { compileTier } from '#molm/runtime/tiers/choose-kernels.js'

/** Kernels that stay compiled for the life of the process: V8 shares their code with every engine that starts in it. */
export const KEPT_KERNELS = [compileTier('relaxed'), compileTier('plain')]
