import type { SpecialTokens } from './special-tokens.js'
import type { TokenList } from './token-list.js'

/** `post_processor` of tokenizer.json: the tokens that begin and end each text; null if there are none. */
export function postProcessorOf({ byRole, addsBos, addsEos }: SpecialTokens, { tokens }: TokenList): object | null {
  const before = addsBos ? [byRole.bos] : []
  const after = addsEos ? [byRole.eos] : []
  const special_tokens: Record<string, object> = {}
  const items = (ids: (number | undefined)[], type_id: number) =>
    ids.map((one) => {
      const id = tokens[one as number] as string
      special_tokens[id] = { id, ids: [one], tokens: [id] }
      return { SpecialToken: { id, type_id } }
    })
  const around = (id: string, type_id: number) => [
    ...items(before, type_id),
    { Sequence: { id, type_id } },
    ...items(after, type_id),
  ]
  const single = around('A', 0)
  if (single.length === 1) return null
  return { type: 'TemplateProcessing', single, pair: [...single, ...around('B', 1)], special_tokens }
}
