import type { ByteGrammar } from './byte-grammar.js'
import { DEAD, GrammarStates } from './grammar-states.js'
import { allow, emptyMask } from './limits.js'
import type { Vocabulary } from './vocabulary.js'

/** Most masks of a grammar that are kept. */
const MOST_MASKS = 256

/** Bits of the tokens that may follow, and whether the text may end. */
export interface Allowed {
  mask: Int32Array
  isComplete: boolean
}

export class CompiledGrammar {
  readonly states: GrammarStates
  private readonly masks = new Map<number, Int32Array>()
  private generation = 0

  constructor(
    grammar: ByteGrammar,
    private readonly vocabulary: Vocabulary,
  ) {
    this.states = new GrammarStates(grammar)
  }

  matcher(): Matcher {
    return new Matcher(this, this.vocabulary)
  }

  /** Tokens that may follow a state. */
  allowed(state: number): Allowed {
    if (this.generation !== this.states.generation || this.masks.size >= MOST_MASKS) this.masks.clear()
    this.generation = this.states.generation
    const alike = this.states.alike(state, this.vocabulary.tree.deepest)
    const mask = this.masks.get(alike) ?? this.maskOf(alike)
    this.masks.set(alike, mask)
    return { mask, isComplete: this.states.isComplete(state) }
  }

  private maskOf(first: number): Int32Array {
    const { states, vocabulary } = this
    const { bytes, depths, ends, tokens, same, deepest } = vocabulary.tree
    const mask = emptyMask(vocabulary.size)
    /** State after the bytes of each node on the way. */
    const path = new Int32Array(deepest + 1)
    path[0] = first
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node]
      const state = states.step(path[depth - 1], bytes[node])
      if (state === DEAD) {
        node = ends[node]
        continue
      }
      for (let token = tokens[node]; token >= 0; token = same[token]) allow(mask, token)
      path[depth] = state
      node++
    }
    for (const special of states.specials(first)) allow(mask, vocabulary.specialId(special))
    return mask
  }
}

/** A place in a text of a grammar. */
export class Matcher {
  private stacks: Int32Array

  constructor(
    private readonly grammar: CompiledGrammar,
    private readonly vocabulary: Vocabulary,
  ) {
    this.stacks = grammar.states.start()
  }

  allowed(): Allowed {
    return this.grammar.allowed(this.state)
  }

  /** Moves over a token; false, and no move, if the grammar does not allow it. */
  accept(id: number): boolean {
    const special = this.vocabulary.specialNumber(id)
    if (special === undefined) return this.acceptBytes(this.vocabulary.bytesOf(id))
    return this.moveTo(this.grammar.states.stepSpecial(this.state, special))
  }

  acceptBytes(bytes: Uint8Array): boolean {
    let { state } = this
    for (const byte of bytes) state = this.grammar.states.step(state, byte)
    return bytes.length > 0 && this.moveTo(state)
  }

  private moveTo(state: number): boolean {
    if (state === DEAD) return false
    this.stacks = this.grammar.states.stacksAt(state)
    return true
  }

  private get state(): number {
    this.grammar.states.tidy()
    return this.grammar.states.state(this.stacks)
  }
}
