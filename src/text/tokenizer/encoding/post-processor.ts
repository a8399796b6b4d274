import { isCount, listOf } from '../../../ground/json/forms.js'
import { isObject } from '../../../ground/json/json.js'
import { type DefinitionPart, partsOf, refusePart } from '../definition/definition-parts.js'

/** Ids that a tokenizer puts around a text, mostly a beginning-of-text token. */
export interface Surroundings {
  before: number[]
  after: number[]
}

const WHAT = 'post-processor'
const MOST_TOKENS = 16

/** From `post_processor` of tokenizer.json. Throws a UserError that names what is not supported. */
export function readSurroundings(definition: unknown): Surroundings {
  let [before, after]: number[][] = [[], []]
  for (const part of partsOf(definition, 'processors')) {
    const around = surroundings(part)
    before = [...around.before, ...before]
    after = [...after, ...around.after]
  }
  return { before, after }
}

function surroundings(part: DefinitionPart): Surroundings {
  switch (part.type) {
    case 'ByteLevel': // moves offsets only
      return { before: [], after: [] }
    case 'TemplateProcessing':
      return fromTemplate(part)
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [idBeside(part, 'cls')], after: [idBeside(part, 'sep')] }
    default:
      return refusePart(WHAT, part)
  }
}

/** Reads `single`: names of special tokens, and the place of the text among them. */
function fromTemplate(part: DefinitionPart): Surroundings {
  const { single, special_tokens } = part
  if (!Array.isArray(single) || single.length > MOST_TOKENS) return refusePart(WHAT, part)
  const isText = (item: unknown) => isObject(item) && isObject(item.Sequence) && item.Sequence.id === 'A'
  const at = single.findIndex(isText)
  if (at < 0) return refusePart(WHAT, part)
  const idsOf = (item: unknown): number[] => {
    const name = isObject(item) && isObject(item.SpecialToken) ? String(item.SpecialToken.id) : ''
    const token = isObject(special_tokens) && Object.hasOwn(special_tokens, name) ? special_tokens[name] : undefined
    const ids = isObject(token) ? token.ids : undefined
    if (!listOf(isCount, { most: MOST_TOKENS })(ids)) return refusePart(WHAT, part)
    return ids
  }
  return { before: single.slice(0, at).flatMap(idsOf), after: single.slice(at + 1).flatMap(idsOf) }
}

/** Reads `[content, id]`. */
function idBeside(part: DefinitionPart, key: 'cls' | 'sep'): number {
  const pair = part[key]
  const id = Array.isArray(pair) ? pair[1] : undefined
  return isCount(id) ? id : refusePart(WHAT, part, key)
}
