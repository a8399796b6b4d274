import { printableText } from '../printable.js'

/** A token's text on one line, with signs for what cannot be seen. */
export function visibleToken(text: string): string {
  return printableText(text.replace(/\r/g, '␍').replace(/\n/g, '⏎').replace(/\t/g, '⇥')).replace(/^ | $/g, '·')
}
