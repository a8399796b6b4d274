import { UserError } from '../../errors.js'
import { MOST_TRACED, type TracedText, TracedTextBuilder } from './traced-text.js'

/** Rows of one layer in one pass of a model: all its tokens' experts, token after token. */
interface Run {
  layer: number
  experts: number[]
}

/**
 * Finds the tokens in a trace that has only layers and experts, as llama.cpp's `moe-trace` writes it: a model runs layer
 * after layer, so rows of a layer follow each other, and a layer that does not follow the last one begins a new pass.
 *
 * The number of experts of a token is the largest that divides all runs: a token that is generated is a pass of its own.
 * A layer with fewer tokens than others, as llama.cpp's last one in a prompt, has those of the last tokens.
 */
export class LayerRuns {
  private readonly passes: Run[][] = []
  private last?: Run
  private choices = 0

  constructor(private readonly path: string) {}

  add(layer: number, expert: number, line: number): void {
    if (++this.choices > MOST_TRACED.choices) {
      throw new UserError(`${this.path}: line ${line}: more than ${MOST_TRACED.choices} choices of experts`)
    }
    if (this.last?.layer === layer) {
      this.last.experts.push(expert)
      return
    }
    if (!this.last || layer < this.last.layer) this.passes.push([])
    this.last = { layer, experts: [expert] }
    this.passes[this.passes.length - 1].push(this.last)
  }

  /** Experts of a token, as the runs show it. */
  get k(): number {
    return this.passes.flat().reduce((k, { experts }) => divisor(k, experts.length), 0)
  }

  finish(): TracedText {
    const { k, passes } = this
    if (passes.every((runs) => runs.length === 1)) {
      throw new UserError(
        `${this.path}: it has the experts of one layer only, which do not show the beginnings of tokens`,
      )
    }
    const builder = new TracedTextBuilder(() => this.path)
    for (const runs of passes) {
      const tokens = runs.reduce((most, { experts }) => Math.max(most, experts.length), 0) / k
      // Only a prompt has several tokens in a pass.
      const first = builder.addToken({ isPrompt: tokens > 1 })
      for (let i = 1; i < tokens; i++) builder.addToken({ isPrompt: true })
      for (const { layer, experts } of runs) {
        const skipped = tokens - experts.length / k
        for (let at = 0; at < experts.length; at += k) {
          builder.add(first + skipped + at / k, { kind: 'mlp', layer, ids: experts.slice(at, at + k) })
        }
      }
    }
    return builder.finish()
  }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
