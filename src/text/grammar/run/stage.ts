import type { Limits } from './limits.js'
import type { Literals } from './literals.js'
import type { CompiledGrammar } from './matcher.js'
import type { Vocabulary } from './vocabulary.js'

/** A stretch of a text, prepared: its grammars compiled, its forced texts encoded. */
export type Phase =
  | {
      kind: 'free'
      until?: Literals
      open?: Uint8Array
      budget?: number
      close: readonly number[]
      /** Tokens of the budget that the text before has used. */
      spent?: number
    }
  | { kind: 'forced'; tokens: readonly number[] }
  | { kind: 'grammar'; grammar: CompiledGrammar }
  | { kind: 'calls'; triggers: Literals; grammars: readonly CompiledGrammar[]; once: boolean }

/** Parts that the phases of a guide share. */
export interface GuideHost {
  vocabulary: Vocabulary
  eos: readonly number[]
}

/** Continuation after a token. */
export type Outcome =
  | { kind: 'stays' }
  /** The phase is over; `bytes` after it belong to the next. */
  | { kind: 'over'; bytes: Uint8Array }
  | { kind: 'leaves'; way: Way }

export const STAYS: Outcome = { kind: 'stays' }
export const OVER: Outcome = { kind: 'over', bytes: new Uint8Array(0) }

export interface Way {
  limits(): Limits
  /** Moves over a token that the limits allow. */
  take(token: number): void
}

export interface Stage {
  /** Takes the bytes that came before its first token. Called once, first of all. */
  begin(bytes: Uint8Array): Outcome
  /** Looks on over a token that is the only possible one, up to `most` of them. Returns whether it has. */
  lookOn?(most: number): boolean
  limits(): Limits
  take(token: number): Outcome
}
