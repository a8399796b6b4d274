import type { DeltaCall } from '../../api/wire.js'
import { laidOut } from '../elements/json-layout.js'
import type { Call } from '../requests/api.js'

export function addCall(calls: Call[], { index, id = '', function: part = {} }: DeltaCall): void {
  calls[index] ??= { id: '', name: '', arguments: '' }
  const call = calls[index]
  call.id += id
  call.name += part.name ?? ''
  call.arguments += part.arguments ?? ''
}

/** An answer as plain text: the content, set out in lines if it is JSON, and a line per call. */
export function plainAnswer(content: string, calls: readonly Call[], isJson: boolean): string {
  const text = isJson ? (laidOut(content) ?? content) : content
  const lines = calls.map(({ name, arguments: given }) => `calls ${name} ${given}`)
  return [...(text === '' ? [] : [text]), ...lines].join('\n')
}
