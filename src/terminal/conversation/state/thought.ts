import { formatCount, formatElapsed, plural } from '../../../ground/numbers.js'

/** Thoughts of an answer; times in ms. */
export interface Thought {
  text: string
  tokens: number
  begunAt?: number
  /** Absent while they come. */
  endedAt?: number
}

/** Whether there is nothing to read: some templates open and close the thoughts at once. */
export function isBlank({ text }: Thought): boolean {
  return text.trim() === ''
}

/** A line while they come: `thinking · 212 tokens · 3 s`. */
export function thinkingLine(thought: Thought): string {
  return `thinking · ${plural(thought.tokens, 'token')} · ${timeOf(thought)}`
}

/** A line that replaces them: `thought 212 tokens, 3 s`. */
export function thoughtLine(thought: Thought): string {
  const { tokens } = thought
  return `thought ${tokens === 1 ? '1 token' : `${formatCount(tokens)} tokens`}, ${timeOf(thought)}`
}

function timeOf({ begunAt, endedAt = performance.now() }: Thought): string {
  return formatElapsed((endedAt - (begunAt ?? endedAt)) / 1000)
}
