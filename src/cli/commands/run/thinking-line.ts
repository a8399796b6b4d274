import { plural } from '../../../numbers.js'
import { createStatusLine } from '../../io/status-line.js'
import type { RunOptions } from './run-options.js'

/** A status line that counts the tokens of thoughts that are not printed. */
export interface ThinkingLine {
  /** Counts a token of thinking. */
  add(): void
  /** Removes the line, if there is one. */
  clear(): void
}

/**
 * Creates a line that appears with the first thought. Shows nothing if status lines may not be drawn, or if the thoughts
 * themselves are printed.
 */
export function createThinkingLine(options: RunOptions): ThinkingLine {
  const isPrinted = options.showThinking || options.jsonl
  const line = isPrinted ? undefined : createStatusLine(options)
  let tokens = 0
  return {
    add() {
      tokens++
      line?.refresh(() => `thinking ... ${plural(tokens, 'token')}`)
    },
    clear() {
      line?.clear()
    },
  }
}
