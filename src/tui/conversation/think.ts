import type { Think } from '../../api/chat.js'
import { UsageError } from '../../errors.js'
import { decimal, plural } from '../../numbers.js'
import type { Asking } from '../../session/prompt.js'

const LEVELS: readonly Think[] = ['off', 'on', 'low', 'medium', 'high']

/** Words that complete /think. */
export const THINK_WORDS = [...LEVELS, 'default', 'budget']

/** Reads `off`, `low`, `default`, `budget 200` or `budget off`. Throws a UsageError for other words. */
export function parseThink(argument: string): Pick<Asking, 'think' | 'thinkBudget'> {
  const [word, value, ...others] = argument.split(/[\s=]+/)
  const isAlone = value === undefined
  if (word === 'default' && isAlone) return { think: undefined, thinkBudget: undefined }
  if ((LEVELS as readonly string[]).includes(word) && isAlone) return { think: word as Think }
  const budget = value === 'off' ? undefined : decimal(value ?? '')
  const fits = budget === undefined || (Number.isSafeInteger(budget) && budget >= 0)
  if (word === 'budget' && fits && others.length === 0) return { thinkBudget: budget }
  throw new UsageError(`/think takes ${LEVELS.join(', ')}, default, budget N or budget off`)
}

/** How a model thinks, for the user: `thinking: off`. */
export function thinkInWords({ think, thinkBudget }: Asking): string {
  const level = think === undefined ? 'as the model does' : think
  return `thinking: ${level}${thinkBudget === undefined ? '' : `, at most ${plural(thinkBudget, 'token')}`}`
}
