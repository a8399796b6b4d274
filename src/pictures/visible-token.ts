import { printableText } from '../printable.js'

/** A token's text on one line, with signs for invisible characters. */
export function visibleToken(text: string): string {
  return printableText(text.replace(/\r/g, '␍').replace(/\n/g, '⏎').replace(/\t/g, '⇥')).replace(/^ | $/g, '·')
}
