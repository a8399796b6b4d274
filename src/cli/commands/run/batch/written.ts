import type { RequestId } from './request.js'

/** A result in the output of an earlier run. */
export interface Written {
  id: RequestId
  /** Line number in the output. */
  line: number
  /** Absent if the result is an error. */
  model?: string
  /** Hashes of the answered line and of the options: `LINE-OPTIONS`. Absent if the result is an error. */
  request?: string
}

/** Parses a line of an output; undefined if it is not a result. */
export function parseWritten(line: number, bytes: Buffer | undefined): Written | undefined {
  try {
    const { id, model, request, error }: Record<string, unknown> = bytes ? JSON.parse(bytes.toString()) : {}
    if (typeof id !== 'string' && typeof id !== 'number') return undefined
    if (typeof model === 'string' && typeof request === 'string' && error === undefined)
      return { id, line, model, request }
    return model === undefined && typeof error === 'string' ? { id, line } : undefined
  } catch {
    return undefined
  }
}

/** Whether an incomplete line can be a result. No other line is ever removed. */
export function beginsResult(bytes: Buffer | undefined): boolean {
  const start = '{"id":'
  const found = bytes?.subarray(0, start.length).toString() ?? ''
  return found !== '' && start.startsWith(found)
}
