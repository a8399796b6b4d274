import type { ChatOptions } from '../api/chat.js'
import type { GenerateOptions } from '../api/generation.js'
import type { ForwardOptions } from '../api/session.js'
import { OPTION_NAMES } from '../generation-options.js'
import { checkOneOf, checkOptionNames, checkSwitches } from '../option-checks.js'

const FORWARD: Record<keyof ForwardOptions, true> = {
  logits: true,
  targets: true,
  routes: true,
  probabilities: true,
  outputNorms: true,
  hidden: true,
  onPromptProgress: true,
  signal: true,
}

const LOGITS: readonly ForwardOptions['logits'][] = ['last', 'all', 'none']

/** Those that only `generate` has, beside the settings of every generation. */
const GENERATE: Record<Exclude<keyof GenerateOptions, (typeof OPTION_NAMES)[number]>, true> = {
  routes: true,
  probabilities: true,
  onPromptProgress: true,
  signal: true,
}

/** Those that only `chat` has. */
const CHAT: Record<Exclude<keyof ChatOptions, keyof GenerateOptions>, true> = { args: true, onWarning: true }

const ALL_OF_GENERATE = { ...(Object.fromEntries(OPTION_NAMES.map((name) => [name, true])) as object), ...GENERATE }

/** Throws a UsageError that names the first option of `forward` which cannot be meant. */
export function checkForward(options: ForwardOptions): void {
  checkOptionNames(options, FORWARD, 'forward')
  checkOneOf('logits', options.logits, LOGITS)
  checkSwitches(options, ['routes', 'probabilities', 'outputNorms', 'hidden'])
}

/** The same for `generate`, whose settings are checked where they are put together. */
export function checkGenerate(options: GenerateOptions): void {
  checkOptionNames(options, ALL_OF_GENERATE, 'generate')
  checkSwitches(options, ['routes', 'probabilities'])
}

/** The same for `chat`. */
export function checkChat(options: ChatOptions): void {
  checkOptionNames(options, { ...ALL_OF_GENERATE, ...CHAT }, 'chat')
  checkSwitches(options, ['routes', 'probabilities'])
}
