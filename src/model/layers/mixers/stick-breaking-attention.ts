import { Attention } from '../../../kernels/calls/attention.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import type { Workspace } from '../workspace.js'

/**
 * Length of the stick at which attention stops. What older keys could add is below half a unit in the last place of the
 * largest value, the rounding error of a single float addition.
 */
export const ENOUGH = 2 ** -25

/** Stick-breaking attention: k queries per token share the keys and values of all positions, newest first. */
export class StickBreakingAttention {
  private readonly attention: Attention
  /** Keys visited by each query and head: u32 [T * k, heads]. */
  private readonly depths: number

  /** `q` and `output` are [T * k, A]. A run may have a smaller k. */
  constructor(
    private readonly workspace: Workspace,
    q: Rows,
    output: Rows,
    k: number,
    private readonly heads: number,
  ) {
    const { bank, maxTokens, threads, cacheFormat } = workspace
    this.depths = bank.arena.allocate(maxTokens * k * heads * 4)
    const shape = { q, output, heads, k, format: cacheFormat, enough: ENOUGH, depths: this.depths }
    this.attention = new Attention(bank, shape, threads)
  }

  run(tokens: number, cache: BatchCache, k: number): void {
    this.attention.run(tokens, cache.places, k)
    const { bank, visits } = this.workspace
    const walks = tokens * k * this.heads
    for (let i = 0; i < walks; i++) visits.keys += bank.u32[this.depths / 4 + i]
    visits.walks += walks
  }
}
