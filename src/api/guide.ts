/**
 * Text that may be generated, as a grammar. A `text` may name special tokens, such as `<|channel|>`; the other kinds
 * match ordinary text only.
 */
export type Grammar =
  /** JSON that a schema accepts (a JSON Schema as an object or a boolean), without blanks around it. */
  | { kind: 'schema'; schema: unknown }
  /** A grammar in GBNF or EBNF, from its rule `root` on. */
  | { kind: 'ebnf'; text: string }
  /** All of the text matches the pattern. */
  | { kind: 'regex'; pattern: string }
  /** Exactly this text. */
  | { kind: 'text'; text: string }
  /** One part after the other. */
  | { kind: 'sequence'; parts: readonly Grammar[] }
  /** One of several. */
  | { kind: 'choice'; options: readonly Grammar[] }
  /** The part `atLeast` to `atMost` times (default: any number), with `separator` between. */
  | { kind: 'repeat'; part: Grammar; separator?: string; atLeast: number; atMost?: number }

/** One stretch of a generated text. */
export type GuidePhase =
  /**
   * Any text, up to and including the first of the texts `until`; without any, to the end of the text. Before `until` the
   * text cannot end.
   */
  | {
      kind: 'free'
      until: readonly string[]
      /** The phase is skipped unless the text begins with this (after blanks). */
      open?: string
      /** Most tokens; then `close` is forced. */
      budget?: number
      /** Text that is forced when the budget is spent; must contain one of `until`. */
      close?: string
    }
  /** Exactly this text, with the tokens that the tokenizer gives it. */
  | { kind: 'forced'; text: string }
  /** Text of a grammar. It ends when it is complete and nothing can follow, or when the model ends it. */
  | { kind: 'grammar'; grammar: Grammar }
  /**
   * Any text; after each of the texts `triggers`, text of its grammar. The text may end anywhere else. With `once`, it ends
   * after the first.
   */
  | { kind: 'calls'; triggers: readonly { text: string; then: Grammar }[]; once?: boolean }

/** Limits of a generated text: its stretches, one after the other. */
export interface GuideSpec {
  phases: readonly GuidePhase[]
}

/** The form of a whole text; give at most one of them. */
export interface OutputConstraint {
  /** A JSON Schema: the text is JSON that it accepts. `true` accepts any JSON. */
  schema?: unknown
  /** A grammar in GBNF or EBNF, with a rule `root`. */
  grammar?: string
  /** A regular expression that the whole text matches. */
  regex?: string
}
