import { isObject } from '../../../ground/json/json.js'
import { formatBytes } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { visibleText } from './visible-text.js'

/** The text that a model reads of a call's result: parts that are no text are named. Throws it if the call failed. */
export function resultText({ content, structuredContent, isError }: Record<string, unknown>): string {
  const parts = Array.isArray(content) ? content.filter(isObject).map(partText) : []
  // A server that has structured results should write them as text, too.
  const texts = parts.length === 0 && structuredContent !== undefined ? [JSON.stringify(structuredContent)] : parts
  const text = visibleText(texts.join('\n'))
  if (isError === true) throw new Error(text === '' ? 'the tool failed without a message' : text)
  return text
}

function partText(part: Record<string, unknown>): string {
  const { type, text, data, mimeType } = part
  switch (type) {
    case 'text':
      return typeof text === 'string' ? text : ''
    case 'image':
    case 'audio':
      return `[${nameOf(mimeType, type)}, ${sizeOf(data)}: not shown]`
    case 'resource_link':
      return `[resource ${nameOf(part.uri, 'without a name')}: ${nameOf(part.description ?? part.name, 'not shown')}]`
    case 'resource':
      return isObject(part.resource) ? resourceText(part.resource) : ''
    default:
      return `[${nameOf(type, 'part')}: not shown]`
  }
}

/** A resource within a result: its text, which is part of the answer, or its name. */
function resourceText({ uri, mimeType, text, blob }: Record<string, unknown>): string {
  const name = nameOf(uri, 'without a name')
  if (typeof text === 'string') return `[resource ${name}]\n${text}`
  return `[resource ${name}, ${nameOf(mimeType, 'binary')}, ${sizeOf(blob)}: not shown]`
}

function nameOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? printable(value) : otherwise
}

function sizeOf(data: unknown): string {
  return formatBytes(typeof data === 'string' ? Math.floor((data.length * 3) / 4) : 0)
}
