import { type DefinitionPart, hasQuickPattern, partsOf, patternOf, refusePart } from '../definition/definition-parts.js'
import { compilePattern, GPT2_WORDS } from '../definition/pattern.js'
import { toByteAlphabet } from './byte-alphabet.js'

/** Divides a text into pieces that no token crosses. `isFirst`: the piece begins the text. */
export type PreTokenizer = (text: string, isFirst: boolean) => Iterable<string>

const WHAT = 'pre-tokenizer'
/** Treatments of the matches when a pattern splits a text. */
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const
type SplitBehavior = (typeof BEHAVIORS)[number]

/** From `pre_tokenizer` of tokenizer.json. Throws a UserError that names what is not supported. */
export function createPreTokenizer(definition: unknown): PreTokenizer {
  const steps = partsOf(definition, 'pretokenizers').map(createStep)
  return steps.reduce(inSequence, (text) => [text])
}

/** Whether all of it takes a time and a room proportional to the text, whatever it is. */
export function isQuickPreTokenizer(definition: unknown): boolean {
  const parts = partsOf(definition, 'pretokenizers')
  return parts.length <= 16 && parts.every((part) => part.type !== 'Split' || hasQuickPattern(part))
}

function inSequence(first: PreTokenizer, second: PreTokenizer): PreTokenizer {
  return function* (text, isFirst) {
    for (const piece of first(text, isFirst)) {
      yield* second(piece, isFirst)
      isFirst = false
    }
  }
}

function createStep(part: DefinitionPart): PreTokenizer {
  switch (part.type) {
    case 'ByteLevel':
      return byteLevel(part)
    case 'Split':
      return splitBy(patternOf(WHAT, part), behaviorOf(part), part.invert === true)
    case 'Digits':
      return splitBy(/\p{N}/gu, part.individual_digits === true ? 'Isolated' : 'Contiguous')
    case 'Punctuation':
      return splitBy(/[!-/:-@[-`{-~]|\p{P}/gu, behaviorOf(part, 'Isolated'))
    case 'Metaspace':
      return metaspace(part)
    default:
      return refusePart(WHAT, part)
  }
}

/** Splits a text by a pattern with the flags g and u. No piece is empty. */
function splitBy(pattern: RegExp, behavior: SplitBehavior, invert = false): PreTokenizer {
  return function* (text) {
    let piece = ''
    let wasMatch = false
    for (const found of findPieces(text, pattern)) {
      const isMatch = found.isMatch !== invert
      if (behavior === 'Removed' || behavior === 'Isolated') {
        if (found.text !== '' && !(isMatch && behavior === 'Removed')) yield found.text
        continue
      }
      if (!joins(behavior, isMatch, wasMatch) && piece !== '') {
        yield piece
        piece = ''
      }
      piece += found.text
      wasMatch = isMatch
    }
    if (piece !== '') yield piece
  }
}

/** The whole text as matches and the text between them. */
function* findPieces(text: string, pattern: RegExp): Generator<{ text: string; isMatch: boolean }> {
  let end = 0
  let hasMatch = false
  for (const match of text.matchAll(pattern)) {
    const length = match[0].length
    // Skip an empty match right after the previous one.
    if (length === 0 && hasMatch && match.index === end) continue
    if (match.index > end) yield { text: text.slice(end, match.index), isMatch: false }
    yield { text: match[0], isMatch: true }
    end = match.index + length
    hasMatch = true
  }
  if (end < text.length) yield { text: text.slice(end), isMatch: false }
}

/** Whether a piece joins the one before it. */
function joins(behavior: SplitBehavior, isMatch: boolean, wasMatch: boolean): boolean {
  if (behavior === 'Contiguous') return isMatch === wasMatch
  if (behavior === 'MergedWithPrevious') return isMatch && !wasMatch
  return !isMatch && wasMatch
}

function behaviorOf(part: DefinitionPart, ifAbsent?: SplitBehavior): SplitBehavior {
  const behavior = part.behavior ?? ifAbsent
  return BEHAVIORS.find((known) => known === behavior) ?? refusePart(WHAT, part, 'behavior')
}

/** GPT-2's pre-tokenizer: words with the blank before them, in the byte alphabet. */
function byteLevel({ add_prefix_space, use_regex }: DefinitionPart): PreTokenizer {
  const divide = use_regex === false ? undefined : splitBy(compilePattern(GPT2_WORDS), 'Isolated')
  return function* (text, isFirst) {
    const whole = add_prefix_space === true && !text.startsWith(' ') ? ` ${text}` : text
    for (const piece of divide?.(whole, isFirst) ?? [whole]) yield toByteAlphabet(piece)
  }
}

/** SentencePiece's pre-tokenizer: blanks become a visible character, and one is put in front. */
function metaspace(part: DefinitionPart): PreTokenizer {
  const { replacement = '▁', add_prefix_space, split } = part
  if (typeof replacement !== 'string' || [...replacement].length !== 1) return refusePart(WHAT, part, 'replacement')
  const scheme = add_prefix_space === false ? 'never' : (part.prepend_scheme ?? 'always')
  if (!['always', 'first', 'never'].includes(scheme as string)) return refusePart(WHAT, part, 'prepend_scheme')
  const words = splitBy(new RegExp(replacement.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&'), 'gu'), 'MergedWithNext')
  return (text, isFirst) => {
    const visible = text.replaceAll(' ', replacement)
    const isPrepended = scheme === 'always' || (scheme === 'first' && isFirst)
    const whole = isPrepended && !visible.startsWith(replacement) ? replacement + visible : visible
    return split === false ? [whole] : words(whole, isFirst)
  }
}
