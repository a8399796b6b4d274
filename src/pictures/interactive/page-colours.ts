/** An amount for each token, as a step of the ramp; null for a token without one. */
export interface PageAmounts {
  steps: (number | null)[]
  /** Meanings of the ramp's ends. */
  from: string
  to: string
}

/** A colour on a light page and on a dark one. */
export type Tint = [light: string, dark: string]

/** Colours of a text. Each is a pair: for light and for dark pages. */
export interface PageColours {
  /** By the id of the expert. */
  experts: Tint[]
  /** The ramp of amounts. */
  ramp: Tint[]
  surprise?: PageAmounts
  sleepers: PageAmounts
}
