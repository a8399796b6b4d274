import { type DefinitionPart, hasQuickPattern, partsOf, patternOf, refusePart } from '../definition/definition-parts.js'

/** Rewrites a text before it is divided into pieces. */
export type Normalizer = (text: string) => string

const WHAT = 'normalizer'

/** From `normalizer` of tokenizer.json. Throws a UserError that names what is not supported. */
export function createNormalizer(definition: unknown): Normalizer {
  const steps = partsOf(definition, 'normalizers').map(createStep)
  return (text) => steps.reduce((result, step) => step(result), text)
}

/** Most that replacements may lengthen a text that is encoded in this process, as a factor. */
const MOST_GROWTH = 16

/** Whether all of it takes a time and a room proportional to the text, whatever it is. */
export function isQuickNormalizer(definition: unknown): boolean {
  const parts = partsOf(definition, 'normalizers')
  const growth = parts.reduce((product, { content }) => product * Math.max(1, String(content ?? '').length), 1)
  const added = parts.reduce((sum, { prepend }) => sum + String(prepend ?? '').length, 0)
  const areQuick = parts.every((part) => part.type !== 'Replace' || hasQuickPattern(part))
  return parts.length <= MOST_GROWTH && growth <= MOST_GROWTH && added <= MOST_GROWTH && areQuick
}

function createStep(part: DefinitionPart): Normalizer {
  switch (part.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(part.type)
    case 'Lowercase':
      // Letter by letter: JavaScript's toLowerCase has another form for the last sigma of a word.
      return (text) => text.replace(/[A-Z]|\P{ASCII}/gu, (letter) => letter.toLowerCase())
    case 'Prepend':
      return prepend(part)
    case 'Replace':
      return replace(part)
    case 'Strip':
      return strip(part)
    default:
      return refusePart(WHAT, part)
  }
}

function prepend(part: DefinitionPart): Normalizer {
  const { prepend } = part
  if (typeof prepend !== 'string') return refusePart(WHAT, part, 'prepend')
  return (text) => (text === '' ? '' : prepend + text)
}

function replace(part: DefinitionPart): Normalizer {
  const { content } = part
  if (typeof content !== 'string') return refusePart(WHAT, part, 'content')
  const pattern = patternOf(WHAT, part)
  return (text) => text.replace(pattern, () => content)
}

function strip({ strip_left, strip_right }: DefinitionPart): Normalizer {
  return (text) => {
    const from = strip_left === true ? (/^\p{White_Space}*/u.exec(text)?.[0].length ?? 0) : 0
    let to = text.length
    while (strip_right === true && to > from && /\p{White_Space}/u.test(text[to - 1])) to--
    return text.slice(from, to)
  }
}
