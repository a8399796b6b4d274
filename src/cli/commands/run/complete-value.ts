import type { OutputConstraint } from '../../../api/guide.js'
import { UserError } from '../../../errors.js'
import { plural } from '../../../numbers.js'
import type { Answered } from './run-writer.js'

/** Throws a UserError if an answer that must have a form ends within it, so that the printed text does not parse. */
export function checkComplete(answered: Answered, form: OutputConstraint): void {
  const name = nameOf(form)
  if (name === undefined || isComplete(answered, form)) return
  const { message, result } = answered
  const place = message.content === '' && message.thinking ? 'before' : 'within'
  throw new UserError(`the answer ends ${place} its ${name}${limitOf(result)}`)
}

/** Whether an answer is complete. One without a form may end anywhere. */
export function isComplete({ message, result }: Pick<Answered, 'message' | 'result'>, form: OutputConstraint): boolean {
  if (!hasForm(form) || (message.toolCalls?.length ?? 0) > 0) return true
  return result.finishReason !== 'length' && (form.schema === undefined || parses(message.content))
}

/** Whether the options give an answer a form. */
export function hasForm(form: OutputConstraint): boolean {
  return nameOf(form) !== undefined
}

/** The limit that ended an answer, as the end of a sentence. */
export function limitOf({ finishReason, contextFull, tokens }: Answered['result']): string {
  if (finishReason === 'stop') return ', at a stop text'
  if (finishReason === 'eos') return ''
  if (contextFull) return ', at the end of the model’s context'
  return `, at the limit of ${plural(tokens.length, 'token')}; --max-tokens N allows more`
}

function nameOf({ schema, grammar, regex }: OutputConstraint): string | undefined {
  if (schema !== undefined) return 'JSON'
  if (grammar !== undefined) return 'grammar'
  return regex === undefined ? undefined : 'pattern'
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
