import type { Grammar } from '../../api/guide.js'

/** Most characters of a grammar in its name. */
const MOST_CHARACTERS = 40

/** Kind and beginning of a grammar, for messages: the first of its parts that is not a fixed text. */
export function formName(grammar: Grammar): string {
  const [first = grammar] = leavesOf(grammar).filter(({ kind }) => kind !== 'text')
  switch (first.kind) {
    case 'schema':
      return `schema ${beginning(JSON.stringify(first.schema) ?? '')}`
    case 'regex':
      return `regex ${beginning(first.pattern)}`
    case 'ebnf':
      return `grammar ${beginning(first.text)}`
    default:
      return 'grammar'
  }
}

function leavesOf(grammar: Grammar): Grammar[] {
  switch (grammar.kind) {
    case 'sequence':
      return grammar.parts.flatMap(leavesOf)
    case 'choice':
      return grammar.options.flatMap(leavesOf)
    case 'repeat':
      return leavesOf(grammar.part)
    default:
      return [grammar]
  }
}

function beginning(text: string): string {
  const characters = [...text.slice(0, 2 * MOST_CHARACTERS).replace(/[\s\p{C}]+/gu, ' ')]
  const isCut = characters.length > MOST_CHARACTERS || text.length > 2 * MOST_CHARACTERS
  return isCut ? `${characters.slice(0, MOST_CHARACTERS).join('')}...` : characters.join('')
}
