import { ASK_OPTIONS, type AskName } from '../../api/ask-options.js'
import type { ChatOptions } from '../../api/chat-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import { OPTION_NAMES } from '../../api/generation-options.js'
import type { ForkOptions, ForwardOptions } from '../../api/session.js'
import { UsageError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { checkOneOf, checkOptionNames, checkSwitches, shown } from '../../ground/option-checks.js'

const FORWARD: Record<keyof ForwardOptions, true> = {
  logits: true,
  targets: true,
  routes: true,
  probabilities: true,
  outputNorms: true,
  outputSums: true,
  influence: true,
  hidden: true,
  expertOutputs: true,
  routerLogits: true,
  sharedOutputs: true,
  onPromptProgress: true,
  signal: true,
}

const FORK: Record<keyof ForkOptions, true> = { length: true, waits: true }

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

/** Options that only `chat` has, besides the ways to ask. */
const CHAT: Record<Exclude<keyof ChatOptions, keyof GenerateOptions | AskName>, true> = {
  args: true,
  maxTurns: true,
  onMessage: true,
  onWarning: true,
}

const ALL_OF_GENERATE = { ...(Object.fromEntries(OPTION_NAMES.map((name) => [name, true])) as object), ...GENERATE }

/** Throws a UsageError that names the first wrong option of `forward`, of a model with `layers` layers. */
export function checkForward(options: ForwardOptions, layers: number): void {
  checkOptionNames(options, FORWARD, 'forward')
  checkOneOf('logits', options.logits, LOGITS)
  checkSwitches(options, ['routes', 'probabilities', 'outputNorms', 'outputSums', 'influence'])
  const { hidden, ...states } = options
  if (Array.isArray(hidden)) checkLayers('hidden', hidden, layers)
  else checkSwitches(options, ['hidden'])
  for (const name of ['expertOutputs', 'routerLogits', 'sharedOutputs'] as const) {
    if (states[name] !== undefined) checkLayers(name, states[name], layers)
  }
}

function checkLayers(name: string, list: unknown, layers: number): void {
  const isLayer = (layer: unknown) => Number.isInteger(layer) && (layer as number) >= 0 && (layer as number) < layers
  if (Array.isArray(list) && list.every(isLayer) && new Set(list).size === list.length) return
  throw new UsageError(
    phrase`${option(name)} must be a list of different layers from 0 to ${layers - 1}, not ${shown(list)}`,
  )
}

export function checkFork(options: ForkOptions): void {
  checkOptionNames(options, FORK, 'fork')
  checkSwitches(options, ['waits'])
  const { length = 0 } = options
  if (!Number.isInteger(length) || length < 0)
    throw new UsageError(phrase`fork needs a ${option('length')} of 0 or more`)
}

/** Throws a UsageError that names the first wrong option of `generate`; `settle` checks the settings. */
export function checkGenerate(options: GenerateOptions): void {
  checkOptionNames(options, ALL_OF_GENERATE, 'generate')
  checkSwitches(options, ['routes', 'probabilities'])
}

/** Throws a UsageError that names the first wrong option of `chat`; `settle` checks the settings. */
export function checkChat(options: ChatOptions): void {
  checkOptionNames(options, { ...ALL_OF_GENERATE, ...ASK_OPTIONS, ...CHAT }, 'chat')
  checkSwitches(options, ['routes', 'probabilities', 'parallelToolCalls'])
  for (const name of ['think', 'thinkBudget', 'toolChoice'] as const) checkAsked(name, options[name])
  checkWhole('maxTurns', options.maxTurns, 1)
  checkTools(options)
}

function checkAsked(name: AskName, value: unknown): void {
  const { mustBe, includes } = ASK_OPTIONS[name]
  if (value === undefined || includes(value)) return
  throw new UsageError(phrase`${option(name)} must be ${mustBe}, not ${shown(value)}`)
}

function checkWhole(name: string, value: unknown, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= least)) return
  throw new UsageError(phrase`${option(name)} must be a whole number from ${least} on, not ${shown(value)}`)
}

/** Checks the types of tools; `writeChat` checks their names and parameters. */
function checkTools({ tools }: ChatOptions): void {
  if (tools !== undefined && !ASK_OPTIONS.tools.includes(tools)) {
    throw new UsageError(phrase`${option('tools')} must be ${ASK_OPTIONS.tools.mustBe}`)
  }
  const runs = (tools ?? []).every(({ run }) => run === undefined || typeof run === 'function')
  if (!runs) throw new UsageError('`run` of a tool must be a function')
}
