import type { TokenLogits } from '../../../model/layers/decoder.js'
import type { LogitSummary } from '../../sampling/sample.js'
import type { RouteRecorder } from '../messages/route-codec.js'

/** A draft that the text takes over, as the model has run it. */
export interface TakenDraft {
  token: number
  logits: TokenLogits
  /** Routes of the run, and the draft's row among them. */
  routes?: RouteRecorder
  row: number
}

/** Drafts that the model has run, until the text takes them over or goes another way. */
export class DraftedRows {
  private drafts: readonly number[] = []
  /** Number of drafts that have run, and how many of them the text has taken over. */
  private ran = 0
  private taken = 0
  /** Tokens of the run before the drafts. */
  private before = 0
  private routes?: RouteRecorder
  /** Logits of the drafts, `outputs` for each, and their summaries. */
  private values = new Float32Array(0)
  private outputs = 0
  private summaries: (LogitSummary | undefined)[] = []

  /** Number of drafts that have run and are not part of the text. */
  get left(): number {
    return this.ran - this.taken
  }

  /** Begins a run of `before` tokens and then drafts. Their routes are recorded together. */
  begin(before: number, drafts: readonly number[], routes?: RouteRecorder): void {
    this.before = before
    this.drafts = drafts
    this.routes = routes
    this.ran = 0
    this.taken = 0
    this.summaries = []
  }

  /** Keeps the logits of the next draft. */
  keep({ values, summary }: TokenLogits): void {
    this.outputs = values.length
    const most = this.drafts.length * values.length
    if (this.values.length < most) {
      const grown = new Float32Array(most)
      grown.set(this.values)
      this.values = grown
    }
    this.values.set(values, this.summaries.length * values.length)
    this.summaries.push(summary())
  }

  /** Ends the run, after the first `count` drafts. */
  end(count: number): void {
    this.ran = count
  }

  /** Whether the text continues with the next draft. */
  isNext(tokens: ArrayLike<number>): boolean {
    const { ran, taken, drafts, summaries } = this
    return tokens.length === 1 && taken < Math.min(ran, summaries.length) && tokens[0] === drafts[taken]
  }

  take(): TakenDraft {
    const { drafts, taken, outputs, summaries, before, routes } = this
    this.taken++
    const values = this.values.subarray(taken * outputs, (taken + 1) * outputs)
    return { token: drafts[taken], logits: { values, summary: () => summaries[taken] }, routes, row: before + taken }
  }

  /** Undoes the latest `take`. */
  giveBack(): void {
    this.taken--
  }

  /** Drops the drafts that are left. Returns the rows of their routes, [from, to). */
  drop(): { routes?: RouteRecorder; from: number; to: number } {
    const { before, taken, ran, routes } = this
    this.taken = ran
    return { routes, from: before + taken, to: before + ran }
  }
}
