import { compileTier } from '#molm/kernels/tiers/choose-kernels.js'

/** Kernels that stay compiled until the process ends, so that V8 shares their code with every engine started in it. */
export const KEPT_KERNELS = [compileTier('relaxed'), compileTier('plain')]
