import { isObject } from '../../../ground/json/json.js'

const ROLES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const

/** Special tokens named by a tokenizer's settings. */
export interface SpecialTokens {
  /** Token by role, as chat templates know them: `bos_token`, `eos_token` and so on. */
  byRole: Partial<Record<(typeof ROLES)[number], string>>
  /** All special tokens, with or without a role. */
  all: Set<string>
}

/** Collects the special tokens of both files. If both name a role, the former wins. */
export function specialTokens(
  tokenizerConfig: Record<string, unknown>,
  specialTokensMap: Record<string, unknown>,
): SpecialTokens {
  const byRole: SpecialTokens['byRole'] = {}
  for (const role of ROLES) {
    const token = contentOf(tokenizerConfig[role]) ?? contentOf(specialTokensMap[role])
    if (token !== undefined) byRole[role] = token
  }
  const others = [tokenizerConfig, specialTokensMap].flatMap(({ additional_special_tokens: list }) =>
    Array.isArray(list) ? list.map(contentOf) : [],
  )
  return { byRole, all: new Set([...Object.values(byRole), ...others].filter((token) => token !== undefined)) }
}

function contentOf(value: unknown): string | undefined {
  const content = isObject(value) ? value.content : value
  return typeof content === 'string' && content !== '' ? content : undefined
}
