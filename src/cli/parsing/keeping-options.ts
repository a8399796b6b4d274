import type { Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { FIRST, parseSize } from './options.js'

/** Options of commands that keep conversations. */
export interface KeepingFlags {
  /** Resume the latest conversation. */
  continue?: boolean
  /** False with --no-history. */
  history?: boolean
}

/** Adds the options. `keeps` says in words what is not saved. */
export function addKeepingOptions(command: Command, keeps: string): Command {
  return command
    .optionsGroup(FIRST)
    .option('-c, --continue', 'continue the latest conversation')
    .optionsGroup('Conversation:')
    .option('--no-history', `do not save ${keeps}, as with MOLM_HISTORY=0`)
}

/** Whether conversations and typed inputs are saved. */
export function keepsHistory({ history }: KeepingFlags): boolean {
  return history !== false && process.env.MOLM_HISTORY !== '0'
}

/**
 * Throws a UsageError if the first word is the value that llama.cpp's -c takes, the size of the context. Such a number
 * would be a strange message.
 */
export function checkContinue({ continue: continues }: KeepingFlags, [word]: readonly string[]): void {
  if (!continues || !/^\d+$/.test(word ?? '') || Number(word) < 256 || Number(word) % 256 !== 0) return
  throw new UsageError(
    `-c continues the latest conversation; --context ${word} sets the size of the context ('-c -- ${word}' sends it)`,
  )
}

/** Most bytes of the caches beside kept conversations, all together. */
const DEFAULT_BYTES = 4 * 2 ** 30

/** The same, by $MOLM_CACHE_SIZE if that is set: `0` keeps none. Throws a UsageError if it is no size. */
export function keptCacheBytes({ MOLM_CACHE_SIZE: size }: NodeJS.ProcessEnv = process.env): number {
  if (!size) return DEFAULT_BYTES
  if (Number(size) === 0) return 0
  try {
    return parseSize('$MOLM_CACHE_SIZE', size)
  } catch {
    throw new UsageError(`$MOLM_CACHE_SIZE must be a size like 4GiB, or 0 to keep no caches, not '${size}'`)
  }
}
