import { addLimits, allow, emptyMask, has, type Limits } from './limits.js'
import { startsWith } from './literals.js'
import { type GuideHost, type Outcome, STAYS, type Stage, type Way } from './stage.js'

/** Most blanks before the text that opens a phase. */
const MOST_BLANKS = 16

/** Undecided whether the text opens a phase or skips it: so far it has only blanks and the beginning of the opening. */
export class OpenStage implements Stage {
  private seen: Uint8Array = new Uint8Array(0)
  private tokens = 0
  /** The way without the phase, as long as the text could take it. */
  private other?: Way

  constructor(
    private readonly host: GuideHost,
    private readonly open: Uint8Array,
    private readonly ways: {
      skip: () => Way
      enter: (bytes: Uint8Array, tokens: number) => Way
    },
  ) {}

  begin(bytes: Uint8Array): Outcome {
    // No phase that has an opening follows one that reads on into the next.
    this.other = this.ways.skip()
    return this.read(bytes)
  }

  limits(): Limits {
    const { vocabulary } = this.host
    const mask = this.maskOf(this.other)
    const from = blanksOf(this.seen)
    for (let token = 0; token < vocabulary.size; token++) {
      if (this.mayOpen(vocabulary.bytesOf(token), from)) allow(mask, token)
    }
    return { kind: 'masked', mask }
  }

  take(token: number): Outcome {
    if (has(this.maskOf(this.other), token)) this.other?.take(token)
    else this.other = undefined
    this.tokens++
    return this.read(this.host.vocabulary.bytesOf(token))
  }

  /** Tokens that a way allows; none without one. */
  private maskOf(way: Way | undefined): Int32Array {
    const { vocabulary, eos } = this.host
    const mask = emptyMask(vocabulary.size)
    if (way) addLimits(mask, way.limits(), eos, vocabulary.size)
    return mask
  }

  private read(bytes: Uint8Array): Outcome {
    const all = new Uint8Array([...this.seen, ...bytes])
    this.seen = all
    const begun = all.subarray(blanksOf(all))
    if (startsWith(begun, this.open)) return { kind: 'leaves', way: this.ways.enter(begun, this.tokens) }
    if (startsWith(this.open, begun)) return STAYS
    if (!this.other) throw new Error('the text neither opens the phase nor skips it')
    return { kind: 'leaves', way: this.other }
  }

  /** Whether a token continues the blanks or the opening. `from`: the blanks so far. */
  private mayOpen(bytes: Uint8Array, from: number): boolean {
    if (bytes.length === 0) return false
    const begun = this.seen.length - from
    const blanks = begun === 0 ? blanksOf(bytes) : 0
    if (from + blanks > MOST_BLANKS) return false
    const needed = this.open.subarray(begun)
    const given = bytes.subarray(blanks)
    return startsWith(needed, given) || startsWith(given, needed)
  }
}

/** Number of blanks and line ends at the beginning. */
function blanksOf(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
  return first < 0 ? bytes.length : first
}
