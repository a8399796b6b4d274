import { printableText } from '../../../ground/printable.js'

/** Formats a share as a percentage with one decimal: `12.5 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

/** Formats a difference of shares with its sign: `+12.5 %`. */
export function signedPercent(share: number): string {
  return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`
}

/** A token's text on one line, with signs for invisible characters. */
export function visibleToken(text: string): string {
  return printableText(text.replace(/\r/g, '␍').replace(/\n/g, '⏎').replace(/\t/g, '⇥')).replace(/^ | $/g, '·')
}
