import { ApiError } from '../common/api-error.js'
import { asApiError } from './errors.js'

/** Names of another API for fields of chat completions. */
export type FieldNames = Readonly<Record<string, string>>

/** Replaces the names of fields in a message, which are in quotation marks. */
export function renameFields(message: string, names: FieldNames): string {
  return message.replace(/"([^"]+)"/g, (_, name: string) => `"${nameOf(name, names)}"`)
}

/** Runs work whose errors name fields of chat completions, and gives these the names of another API. */
export async function withFieldNames<T>(names: FieldNames, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { status, message, details } = asApiError(error)
    // An unexpected error is logged unchanged. The error of a client that has gone is never sent.
    if (status === 500) throw error
    const { param } = details
    const renamed = { ...details, ...(param !== undefined && { param: nameOf(param, names) }) }
    throw new ApiError(status, renameFields(message, names), renamed)
  }
}

function nameOf(name: string, names: FieldNames): string {
  return Object.hasOwn(names, name) ? names[name] : name
}
