import { ApiError } from '../common/api-error.js'
import { asApiError } from './errors.js'

/** The name that another API has for a field of chat completions. */
export type NameOf = (field: string) => string

/** Replaces the names of fields in a message, which are in quotation marks. */
export function renameFields(message: string, nameOf: NameOf): string {
  return message.replace(/"([^"]+)"/g, (_, name: string) => `"${nameOf(name)}"`)
}

/** Runs work whose errors name fields of chat completions, and gives these the names of another API. */
export async function withFieldNames<T>(nameOf: NameOf, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { status, message, details } = asApiError(error)
    // An unexpected error is logged unchanged. The error of a client that has gone is never sent.
    if (status === 500) throw error
    const { param } = details
    const renamed = { ...details, ...(param !== undefined && { param: nameOf(param) }) }
    throw new ApiError(status, renameFields(message, nameOf), renamed)
  }
}
