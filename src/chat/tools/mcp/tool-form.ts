import { createHash } from 'node:crypto'
import type { Tool } from '../../../api/chat-options.js'

/** A hash of all that a user and a model know of a tool. */
export function formOf({ name, description, parameters }: Tool): string {
  const text = JSON.stringify([name, description, parameters])
  return createHash('sha256').update(text).digest('base64')
}
