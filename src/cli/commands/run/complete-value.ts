import type { OutputConstraint } from '../../../api/guide.js'
import { hasForm } from '../../../engine/session/prompt.js'
import type { Answered } from '../../../engine/session/turn.js'
import { UserError } from '../../../ground/errors.js'
import { plural } from '../../../ground/numbers.js'

/** Throws a UserError if an answer that must have a form was cut, so that the printed text may not parse. */
export function checkComplete(answered: Answered, form: OutputConstraint): void {
  const name = nameOf(form)
  if (name === undefined || isComplete(answered, form)) return
  const { message, result } = answered
  const isBefore = message.content === '' && Boolean(message.thinking)
  const isWithin = form.schema !== undefined && !parses(message.content)
  const place = isBefore ? `before its ${name}` : isWithin ? `within its ${name}` : ''
  const [limit, advice] = limitAndAdvice(result)
  const end = limit === '' ? 'ends' : `was cut ${limit}${place === '' ? '' : ','}`
  throw new UserError(`the answer ${[end, place].filter(Boolean).join(' ')}${advice}`)
}

/** Whether an answer is complete. One without a form may end anywhere. */
export function isComplete({ message, result }: Pick<Answered, 'message' | 'result'>, form: OutputConstraint): boolean {
  if (!hasForm(form) || (message.toolCalls?.length ?? 0) > 0) return true
  return result.finishReason !== 'length' && (form.schema === undefined || parses(message.content))
}

/** The limit that ended an answer, as the end of a sentence. */
export function limitOf(result: Answered['result']): string {
  const [limit, advice] = limitAndAdvice(result)
  return limit === '' ? '' : `, ${limit}${advice}`
}

function limitAndAdvice({ finishReason, contextFull, tokens }: Answered['result']): [limit: string, advice: string] {
  if (finishReason === 'stop') return ['at a stop text', '']
  if (finishReason === 'eos') return ['', '']
  if (contextFull) return ['at the end of the model’s context', '']
  return [`at the limit of ${plural(tokens.length, 'token')}`, '; --max-tokens N allows more']
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
