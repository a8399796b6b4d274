import { forbid, fullMask, type Limits } from './limits.js'
import { LiteralWatch } from './literals.js'
import { type GuideHost, type Outcome, type Phase, STAYS, type Stage, type Way } from './stage.js'

type Free = Extract<Phase, { kind: 'free' }>
type Calls = Extract<Phase, { kind: 'calls' }>

/** Any text up to a literal, or up to a number of tokens, after which the phase is closed. */
export class FreeStage implements Stage {
  private readonly watch?: LiteralWatch
  private taken: number
  private readonly isAllowed: RestCheck

  constructor(
    private readonly host: GuideHost,
    private readonly phase: Free,
    private readonly ways: { canFollow: (bytes: Uint8Array) => boolean; close: () => Way },
  ) {
    this.watch = phase.until && new LiteralWatch(phase.until)
    this.taken = phase.spent ?? 0
    this.isAllowed = remembered((_literal, bytes) => ways.canFollow(bytes))
  }

  begin(bytes: Uint8Array): Outcome {
    const found = this.watch?.add(bytes)
    if (found) return { kind: 'over', bytes: found.rest }
    const { budget = Infinity, close } = this.phase
    return this.taken >= budget && close.length > 0 ? { kind: 'leaves', way: this.ways.close() } : STAYS
  }

  limits(): Limits {
    return this.watch ? watchedLimits(this.host, this.watch, this.isAllowed, this.host.eos) : { kind: 'free' }
  }

  take(token: number): Outcome {
    this.taken++
    return this.begin(this.host.vocabulary.bytesOf(token))
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
    this.watch = new LiteralWatch(phase.triggers)
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
