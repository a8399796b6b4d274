import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * Chat templates as published, by the name of a model that uses them. The list is part of the package
 * @huggingface/ollama-utils, which does not export it.
 */
export function publishedTemplates(): Map<string, string> {
  const folder = join(createRequire(import.meta.url).resolve('@huggingface/ollama-utils'), '../..')
  const text = readFileSync(join(folder, 'src/chat-template-automap.ts'), 'utf8')
  const entries: { model: string; gguf: string }[] = new Function(`return ${text.slice(text.indexOf('= [') + 2)}`)()
  const templates = new Map<string, string>()
  for (const { model, gguf } of entries) {
    const name = model.replace('library/', '')
    templates.set(templates.has(name) ? `${name} ${templates.size}` : name, gguf)
  }
  return templates
}
