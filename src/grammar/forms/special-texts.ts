import { type Expression, sequence, text } from './expression.js'

/**
 * Reads texts that may name special tokens, the longest first. A special token is a part of its own, so a grammar does not
 * confuse it with the same text in ordinary tokens.
 */
export function specialsIn(specials: readonly string[]): (text: string) => Expression {
  const named = specials.map((name, special) => ({ name, special })).filter(({ name }) => name !== '')
  named.sort((a, b) => b.name.length - a.name.length)
  return (whole) => {
    const parts: Expression[] = []
    let begin = 0
    for (let at = 0; at < whole.length; ) {
      const found = named.find(({ name }) => whole.startsWith(name, at))
      if (!found) {
        at++
        continue
      }
      parts.push(text(whole.slice(begin, at)), { kind: 'special', special: found.special })
      at += found.name.length
      begin = at
    }
    return sequence(...parts, text(whole.slice(begin)))
  }
}
