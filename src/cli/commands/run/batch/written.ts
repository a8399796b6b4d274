import type { RequestId } from './request.js'

/** A result in the output of an earlier run. */
export interface Written {
  id: RequestId
  /** Line number in the output. */
  line: number
  /** Absent if the result is an error. */
  model?: string
  /** Hashes of the answered line and of the options: `LINE-OPTIONS`. Absent in files of earlier versions. */
  request?: string
}

/** Parses a line of an output; undefined if it is not a result. */
export function parseWritten(line: number, bytes: Buffer | undefined): Written | undefined {
  try {
    const { id, model, request, error }: Record<string, unknown> = bytes ? JSON.parse(bytes.toString()) : {}
    const isResult = typeof model === 'string' ? error === undefined : typeof error === 'string'
    if ((typeof id !== 'string' && typeof id !== 'number') || !isResult) return undefined
    return { id, line, ...(typeof model === 'string' && { model }), ...(typeof request === 'string' && { request }) }
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
