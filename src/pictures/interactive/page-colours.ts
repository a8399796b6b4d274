/** An amount for each token, as a step of the ramp; null for a token without one. */
export interface PageAmounts {
  steps: (number | null)[]
  /** Meanings of the ramp's ends. */
  from: string
  to: string
}

/** Colours of a text. Each is a pair for light and dark pages, as CSS writes it. */
export interface PageColours {
  /** By the id of the expert. */
  experts: string[]
  /** The ramp of amounts. */
  ramp: string[]
  surprise?: PageAmounts
  sleepers: PageAmounts
}
