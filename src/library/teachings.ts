import type { Teaching } from '../api/model.js'
import { MIXTURE_KINDS } from '../model/config.js'

/** What a packed file tells of how its model was taught; what is missing or odd in an account counts as untold. */
export function teachingsOf(accounts: readonly Record<string, unknown>[]): Teaching[] {
  return accounts.map(({ texts, kind, layers, experts, parameters, steps, tokens, held_out_loss: loss }) => ({
    texts: listOf(texts, isText),
    kind: MIXTURE_KINDS.find((known) => known === kind) ?? 'mlp',
    layers: listOf(layers, isCount),
    experts: countOf(experts),
    parameters: countOf(parameters),
    steps: countOf(steps),
    tokens: countOf(tokens),
    ...(isLoss(loss) && { heldOutLoss: { before: loss.before, after: loss.after } }),
  }))
}

function listOf<T>(value: unknown, fits: (item: unknown) => item is T): T[] {
  return Array.isArray(value) ? value.filter(fits) : []
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function countOf(value: unknown): number {
  return isCount(value) ? value : 0
}

function isLoss(value: unknown): value is { before: number; after: number } {
  if (typeof value !== 'object' || value === null || !('before' in value && 'after' in value)) return false
  return typeof value.before === 'number' && typeof value.after === 'number'
}
