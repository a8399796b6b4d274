/** Looks of a text, as bits. */
export const STRONG = 1
export const EMPHASIS = 2
export const STRUCK = 4
export const CODE = 8
export const LINK = 16
/** The address of a link, or a sign. */
export const ASIDE = 32

/** A piece of text with a set of looks. */
export interface InlineRun {
  text: string
  looks: number
}
