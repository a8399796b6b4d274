import type { LayerRoutes } from '../api/routes.js'
import type { ExpertPlace } from './awake.js'

/** A token of a text and its experts, layer by layer. */
export interface RoutedToken {
  text: string
  routes: readonly LayerRoutes[]
}

/** A word that wakes an expert. */
export interface WakingWord {
  /** Text of the token, without blanks around it. */
  text: string
  /** Times that the word chose the expert. */
  count: number
  /** Share of its tokens that chose the expert, divided by that share of all tokens. */
  lift: number
}

/**
 * Words that choose an expert more often than other tokens do, highest lift first. One more token, as likely as any to
 * choose the expert, is added to each word: a rare word needs no luck to be first. Blank tokens do not count.
 */
export function wokenBy(tokens: readonly RoutedToken[], { kind, layer, expert }: ExpertPlace): WakingWord[] {
  const words = new Map<string, { seen: number; count: number; gates: number }>()
  let [seen, chosen] = [0, 0]
  for (const { text, routes } of tokens) {
    const key = text.trim()
    if (key === '') continue
    const word = words.get(key) ?? { seen: 0, count: 0, gates: 0 }
    words.set(key, word)
    seen++
    word.seen++
    const slot = routes[layer][kind]?.ids.indexOf(expert) ?? -1
    if (slot < 0) continue
    chosen++
    word.count++
    word.gates += routes[layer][kind]?.gates[slot] ?? 0
  }
  const share = chosen / seen
  return [...words]
    .filter(([, { count }]) => count > 0)
    .map(([text, { seen, count, gates }]) => ({ text, count, gates, lift: (count + share) / (seen + 1) / share }))
    .filter(({ lift }) => lift > 1)
    .sort((a, b) => b.lift - a.lift || b.gates - a.gates)
    .map(({ text, count, lift }) => ({ text, count, lift }))
}
