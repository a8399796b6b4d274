import { CallsStage, FreeStage } from './free-stages.js'
import { GrammarStage } from './grammar-stage.js'
import type { Limits } from './limits.js'
import { OpenStage } from './open-stage.js'
import { type GuideHost, type Outcome, OVER, type Phase, STAYS, type Stage, type Way } from './stage.js'

export class Route implements Way {
  private constructor(
    private readonly host: GuideHost,
    private stage: Stage | undefined,
    private rest: readonly Phase[],
  ) {}

  /** Begins the first of the phases; `bytes` of the text before belong to it. */
  static begin(host: GuideHost, phases: readonly Phase[], bytes: Uint8Array = NOTHING): Route {
    const route = new Route(host, undefined, phases)
    route.enter(bytes)
    return route
  }

  /** Whether a text of these phases may begin with the bytes. */
  static canBegin(phases: readonly Phase[], bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true
    const [first] = phases
    if (first === undefined || first.kind === 'forced') return false
    return first.kind !== 'grammar' || GrammarStage.canBegin(first.grammar, bytes)
  }

  /** Looks on over a token that is the only possible one, up to `most` of them. Returns whether it has. */
  lookOn(most: number): boolean {
    return this.stage?.lookOn?.(most) ?? false
  }

  limits(): Limits {
    return this.stage ? this.stage.limits() : { kind: 'done' }
  }

  take(token: number): void {
    if (this.stage) this.follow(this.stage.take(token))
  }

  private follow(outcome: Outcome): void {
    if (outcome.kind === 'stays') return
    if (outcome.kind === 'over') return this.enter(outcome.bytes)
    const { stage, rest } = outcome.way as Route
    this.stage = stage
    this.rest = rest
  }

  private enter(bytes: Uint8Array): void {
    const [phase, ...rest] = this.rest
    this.rest = rest
    this.stage = undefined
    if (phase === undefined) return
    this.stage = stageOf(this.host, phase, rest)
    this.follow(this.stage.begin(bytes))
  }
}

const NOTHING = new Uint8Array(0)

function stageOf(host: GuideHost, phase: Phase, rest: readonly Phase[]): Stage {
  const beginRest = () => Route.begin(host, rest)
  const canFollow = (phases: readonly Phase[]) => (bytes: Uint8Array) => Route.canBegin(phases, bytes)
  switch (phase.kind) {
    case 'forced':
      return new ForcedStage(phase.tokens)
    case 'grammar':
      return new GrammarStage(host, phase.grammar, beginRest)
    case 'calls': {
      const after = (call: number): Phase[] => [
        { kind: 'grammar', grammar: phase.grammars[call] },
        ...(phase.once ? rest : [phase]),
      ]
      return new CallsStage(host, phase, {
        canFollow: (call, bytes) => canFollow(after(call))(bytes),
        begin: (call, bytes) => Route.begin(host, after(call), bytes),
      })
    }
    case 'free': {
      if (phase.open === undefined) {
        const close = () => Route.begin(host, [{ kind: 'forced', tokens: phase.close }, ...rest])
        return new FreeStage(host, phase, { canFollow: canFollow(rest), close })
      }
      const opened: Phase = { ...phase, open: undefined }
      return new OpenStage(host, phase.open, {
        skip: beginRest,
        enter: (bytes, tokens) => Route.begin(host, [{ ...opened, spent: tokens }, ...rest], bytes),
      })
    }
  }
}

class ForcedStage implements Stage {
  private taken = 0

  constructor(private readonly tokens: readonly number[]) {}

  begin(): Outcome {
    return this.outcome()
  }

  limits(): Limits {
    return { kind: 'forced', tokens: Int32Array.from(this.tokens.slice(this.taken)) }
  }

  take(): Outcome {
    this.taken++
    return this.outcome()
  }

  private outcome(): Outcome {
    return this.taken < this.tokens.length ? STAYS : OVER
  }
}
