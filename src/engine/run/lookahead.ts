import type { Decoding } from './decoding.js'
import { Drafter } from './lookup/drafter.js'
import type { StepCosts } from './lookup/step-costs.js'
import type { DraftCounts } from './messages/protocol.js'
import type { RouteRecorder } from './messages/route-codec.js'
import { DraftedRows } from './sequences/drafted-rows.js'
import type { DraftedRun } from './sequences/drafted-run.js'
import type { Sequence } from './sequences/sequence.js'

/**
 * Drafts of one generation, by prompt lookup. They run together with the newest token of the text; if the text then
 * continues with them, their logits are known already. Those that it does not take over leave no trace.
 */
export class Lookahead {
  readonly counts: DraftCounts = { drafted: 0, right: 0 }
  private readonly rows = new DraftedRows()
  private readonly drafter: Drafter
  private readonly eos: readonly number[]

  constructor(
    private readonly sequence: Pick<Sequence, 'model' | 'cache' | 'tokens'>,
    { costs, most, eos }: { costs: StepCosts; most: number; eos: readonly number[] },
  ) {
    this.drafter = new Drafter(costs, most)
    this.eos = eos
  }

  /** Whether the model has read these tokens as the next draft. */
  hasRead(tokens: Int32Array): boolean {
    return this.rows.isNext(tokens)
  }

  /** Makes the next draft part of the sequence; its logits are for the next token. */
  takeOver(decoding: Decoding): void {
    const { rows, counts, sequence } = this
    const { token, ...draft } = rows.take()
    sequence.tokens.push(token)
    try {
      decoding.takeOver(draft, sequence.tokens)
    } catch (error) {
      sequence.tokens.pop()
      rows.giveBack()
      throw error
    }
    counts.right++
  }

  /** Drafts at most `most` tokens after the sequence and its next tokens, and drops earlier drafts that are left. */
  draft(next: Int32Array, most: number): readonly number[] {
    this.drop()
    this.follow(next)
    const drafts = this.drafter.draft(most)
    // An end of the text is never run.
    const end = drafts.findIndex((token) => this.eos.includes(token))
    return end < 0 ? drafts : drafts.slice(0, end)
  }

  /** Begins a run of `next` and drafts, whose routes a recorder has. */
  begin(next: Int32Array, drafts: readonly number[], recorder?: RouteRecorder): DraftedRun {
    const { rows, counts, drafter } = this
    rows.begin(next.length, drafts, recorder)
    return {
      drafts,
      takeDraft: (logits) => rows.keep(logits),
      ranDrafts: (count) => {
        rows.end(count)
        counts.drafted += count
      },
      ...(next.length === 1 && { timed: (tokens, ms) => drafter.costs.count(tokens, ms) }),
    }
  }

  /** Takes back the drafts that the text has not taken over. */
  drop(): void {
    const { rows, sequence } = this
    const { model, cache } = sequence
    cache.takeBack(rows.left)
    if (rows.left === 0) return
    const { routes, from, to } = rows.drop()
    if (routes) model.takeBackUses(routes.ids(from, to), to - from)
  }

  /** Shows the drafter the tokens that it has not seen. */
  private follow(next: Int32Array): void {
    const { drafter, sequence } = this
    if (drafter.length === 0) drafter.addGiven(sequence.tokens)
    else for (let i = drafter.length; i < sequence.tokens.length; i++) drafter.add(sequence.tokens[i])
    for (const token of next) drafter.add(token)
  }
}
