import type { Command } from 'commander'
import { UsageError } from '../../ground/errors.js'

/** Options of commands that keep conversations. */
export interface KeepingFlags {
  /** Resume the latest conversation. */
  continue?: boolean
  /** False with --no-history. */
  history?: boolean
}

/** Adds the options, in the group that is open. `keeps` says in words what is not saved. */
export function addKeepingOptions(command: Command, keeps: string): Command {
  return command
    .option('-c, --continue', 'continue the latest conversation')
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
