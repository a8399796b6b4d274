import type { ResponseField, ResponseTemplate } from '../../api/response.js'

/** Texts around the thoughts of an answer. */
export interface ThinkingForm {
  open: string
  close: string
  /** Text between the end of the thoughts and what follows, content or a call. */
  next: string
  /** Text that opens the content, after `next`; empty if content needs no opener. */
  content: string
  /** Text that takes the place of the thoughts of an answer without any, up to the content or a call. */
  none: string
}

/** Names of the field of thoughts. */
export const THINKING_FIELDS: readonly string[] = ['thinking', 'reasoning', 'reasoning_content']

/** Texts around the thoughts of a model's answers. Undefined if it does not think, or if a text is only a pattern. */
export function thinkingOf(response: ResponseTemplate | undefined): ThinkingForm | undefined {
  const name = THINKING_FIELDS.find((name) => response?.fields[name])
  if (!response || name === undefined) return undefined
  const { open, close } = literalsOf(response.fields[name])
  if (open === undefined || close === undefined) return undefined
  const { content } = response.fields
  const opensContent = content && literalsOf(content).open
  // Harmony's thoughts are a message of their own: the next one has a header again.
  if (opensContent?.startsWith('<|channel|>')) {
    return { open, close, next: firstOf(response.startAnchor) ?? '', content: opensContent, none: '' }
  }
  return { open, close, next: BREAK, content: opensContent ?? '', none: `${open}${BREAK}${close}${BREAK}` }
}

/** Blanks that models are trained to write around empty thoughts and behind thoughts. */
const BREAK = '\n\n'

/** First opener and closer of a field, if they are texts, or patterns that match one text or begin with it. */
export function literalsOf(field: ResponseField): { open?: string; close?: string } {
  const close = firstOf(field.close) ?? literalOf(field.closePattern)
  return { open: firstOf(field.open) ?? literalOf(field.openPattern), close: close === 'eos' ? undefined : close }
}

function firstOf(texts: string | string[] | undefined): string | undefined {
  return typeof texts === 'string' ? texts : texts?.[0]
}

/** The text that a match of a pattern's first alternative begins with, behind blanks. */
export function literalOf(pattern = ''): string | undefined {
  const source = pattern.replace(/^\\s\*/, '')
  const [prefix] = /^(?:\\[^A-Za-z0-9]|[^\\.^$*+?()[\]{}|])*/.exec(source) ?? ['']
  // A character that is repeated or optional is no part of every match.
  const isSure = !/^[*?{]/.test(source.slice(prefix.length))
  const literal = (isSure ? prefix : prefix.replace(/\\?.$/s, '')).replace(/\\(.)/gs, '$1')
  return literal === '' ? undefined : literal
}
