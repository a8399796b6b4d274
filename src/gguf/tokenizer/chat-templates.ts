import type { TokenizerMetadata } from './tokenizer-metadata.js'

const TEMPLATE = 'tokenizer.chat_template'
const NAMES = 'tokenizer.chat_templates'

/** Published templates have at most about 20 kB, and a model has at most four. */
const MOST_CHARACTERS = 2 ** 20
const MOST_TEMPLATES = 16

/**
 * `chat_template` of tokenizer_config.json: one template, or a list of named ones. Undefined without any. Throws a
 * UserError if it is far too long.
 */
export function chatTemplatesOf(metadata: TokenizerMetadata): string | object[] | undefined {
  if (!metadata.has(TEMPLATE)) return undefined
  const templateAt = (key: string) => {
    const template = metadata.text(key)
    if (template.length <= MOST_CHARACTERS) return template
    throw metadata.refuse(key, `has ${template.length} characters, at most ${MOST_CHARACTERS} are read`)
  }
  const names = metadata.has(NAMES) ? metadata.texts(NAMES) : []
  if (names.length > MOST_TEMPLATES) {
    throw metadata.refuse(NAMES, `has ${names.length} names, at most ${MOST_TEMPLATES} are read`)
  }
  const others = names.filter((name) => name !== 'default' && metadata.has(`${TEMPLATE}.${name}`))
  if (others.length === 0) return templateAt(TEMPLATE)
  return [
    { name: 'default', template: templateAt(TEMPLATE) },
    ...others.map((name) => ({ name, template: templateAt(`${TEMPLATE}.${name}`) })),
  ]
}
