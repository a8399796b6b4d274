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
  outputSums: true,
  hidden: true,
  onPromptProgress: true,
  signal: true,
}

const LOGITS: readonly ForwardOptions['logits'][] = ['last', 'all', 'none']

/** Options of `generate` besides the settings of the generation itself. */
const GENERATE: Record<Exclude<keyof GenerateOptions, (typeof OPTION_NAMES)[number]>, true> = {
  schema: true,
  grammar: true,
  regex: true,
  guide: true,
  routes: true,
  probabilities: true,
  onPromptProgress: true,
  onPromptRoutes: true,
  signal: true,
}

/** Options that only `chat` has. */
const CHAT: Record<Exclude<keyof ChatOptions, keyof GenerateOptions>, true> = {
  args: true,
  think: true,
  thinkBudget: true,
  tools: true,
  toolChoice: true,
  parallelToolCalls: true,
  maxTurns: true,
  onMessage: true,
  onWarning: true,
}

const ALL_OF_GENERATE = { ...(Object.fromEntries(OPTION_NAMES.map((name) => [name, true])) as object), ...GENERATE }

/** Throws a UsageError that names the first wrong option of `forward`. */
export function checkForward(options: ForwardOptions): void {
  checkOptionNames(options, FORWARD, 'forward')
  checkOneOf('logits', options.logits, LOGITS)
  checkSwitches(options, ['routes', 'probabilities', 'outputNorms', 'outputSums', 'hidden'])
}

/** Throws a UsageError that names the first wrong option of `generate`; `settle` checks the settings. */
export function checkGenerate(options: GenerateOptions): void {
  checkOptionNames(options, ALL_OF_GENERATE, 'generate')
  checkSwitches(options, ['routes', 'probabilities'])
}

/** Throws a UsageError that names the first wrong option of `chat`; `settle` checks the settings. */
export function checkChat(options: ChatOptions): void {
  checkOptionNames(options, { ...ALL_OF_GENERATE, ...CHAT }, 'chat')
  checkSwitches(options, ['routes', 'probabilities'])
}
