import { forbid, fullMask, type Limits } from './limits.js'
import type { LiteralWatch } from './literals.js'
import { type GuideHost, type Outcome, OVER, type Phase, STAYS, type Stage, type Way } from './stage.js'

type Free = Extract<Phase, { kind: 'free' }>
type Calls = Extract<Phase, { kind: 'calls' }>

/** Any text up to a literal, or up to a number of tokens. */
export class FreeStage implements Stage {
  private readonly watch?: LiteralWatch
  /** Tokens of the text, or of the forced end once the budget is spent. */
  private taken: number
  private isClosing = false
  private readonly isAllowed: RestCheck

  constructor(
    private readonly host: GuideHost,
    private readonly phase: Free,
    canFollow: (bytes: Uint8Array) => boolean,
  ) {
    this.watch = phase.until?.watch()
    this.taken = phase.spent ?? 0
    this.isAllowed = remembered((_literal, bytes) => canFollow(bytes))
  }

  begin(bytes: Uint8Array): Outcome {
    return this.read(bytes)
  }

  limits(): Limits {
    if (this.isClosing) return { kind: 'forced', tokens: Int32Array.from(this.phase.close.slice(this.taken)) }
    if (!this.watch) return { kind: 'free' }
    return watchedLimits(this.host, this.watch, this.isAllowed, this.host.eos)
  }

  take(token: number): Outcome {
    this.taken++
    if (!this.isClosing) return this.read(this.host.vocabulary.bytesOf(token))
    return this.taken < this.phase.close.length ? STAYS : OVER
  }

  private read(bytes: Uint8Array): Outcome {
    const found = this.watch?.add(bytes)
    if (found) return { kind: 'over', bytes: found.rest }
    const { budget, close } = this.phase
    if (budget !== undefined && this.taken >= budget && close.length > 0) {
      this.isClosing = true
      this.taken = 0
    }
    return STAYS
  }
}

/** Any text; a trigger leads to the grammar of a call. */
export class CallsStage implements Stage {
  private readonly watch: LiteralWatch
  private readonly isAllowed: RestCheck

  constructor(
    private readonly host: GuideHost,
    phase: Calls,
    private readonly calls: {
      canFollow: (call: number, bytes: Uint8Array) => boolean
      begin: (call: number, bytes: Uint8Array) => Way
    },
  ) {
    this.watch = phase.triggers.watch()
    this.isAllowed = remembered(calls.canFollow)
  }

  begin(bytes: Uint8Array): Outcome {
    const found = this.watch.add(bytes)
    return found ? { kind: 'leaves', way: this.calls.begin(found.literal, found.rest) } : STAYS
  }

  limits(): Limits {
    return watchedLimits(this.host, this.watch, this.isAllowed, [])
  }

  take(token: number): Outcome {
    return this.begin(this.host.vocabulary.bytesOf(token))
  }
}

/** Whether the text after a literal may begin with these bytes. */
type RestCheck = (literal: number, bytes: Uint8Array) => boolean

/** Remembers the answers: the same few tokens are asked about at every step. */
function remembered(check: RestCheck): RestCheck {
  const known = new Map<string, boolean>()
  return (literal, bytes) => {
    const key = `${literal} ${bytes.join(' ')}`
    const answer = known.get(key) ?? check(literal, bytes)
    known.set(key, answer)
    return answer
  }
}

/** All tokens but `forbidden` and the tokens that reach beyond a literal with bytes that cannot follow it. */
function watchedLimits(
  { vocabulary }: GuideHost,
  watch: LiteralWatch,
  isAllowed: RestCheck,
  forbidden: readonly number[],
): Limits {
  let mask: Int32Array | undefined
  const without = (token: number) => {
    mask ??= fullMask(vocabulary.size)
    forbid(mask, token)
  }
  for (const token of forbidden) without(token)
  for (const { token, literal, rest } of watch.overshooting(vocabulary)) {
    if (!isAllowed(literal, rest)) without(token)
  }
  return mask ? { kind: 'masked', mask } : { kind: 'free' }
}
