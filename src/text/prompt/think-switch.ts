import type { Think } from '../../api/chat-options.js'
import { type Message, option, phrase } from '../../ground/message.js'

type Variables = Readonly<Record<string, unknown>>

/** Variables of chat templates that turn thinking on and off, and the one that sets how long it is. */
const SWITCHES = ['enable_thinking', 'thinking']
const EFFORT = 'reasoning_effort'
const LEVELS: readonly Think[] = ['low', 'medium', 'high']

export interface ThinkOptions {
  think: Think
  /** Variables that the user gives; they win. */
  args: Variables
  /** Whether the model's answers have thoughts. */
  hasThoughts: boolean
  /** Whether the texts around thoughts are known, so that they can be closed. */
  canClose: boolean
  /** Name of the model, for notes. */
  model: string
  /** Whether the template's source contains this text. */
  mentions: (text: string) => boolean
  /** Renders the conversation with these variables; undefined if the template refuses it. */
  render: (variables: Variables) => Promise<string | undefined>
}

export interface Switched {
  variables: Variables
  notes: Message[]
  /** Whether the thoughts must be closed before they begin, since the template cannot turn them off. */
  closes: boolean
}

/**
 * Finds the variables that ask a template for an amount of thinking. Renders the conversation with different values:
 * equal texts prove that the template has no switch, or no levels.
 */
export async function switchThinking(options: ThinkOptions): Promise<Switched> {
  const { think, args, hasThoughts, model } = options
  const given = [...SWITCHES, EFFORT].filter((name) => args[name] !== undefined)
  if (given.length > 0) return { variables: variablesFor(think), notes: conflicts(given, options), closes: false }
  const { hasSwitch, hasLevels } = await provenSwitches(options)
  if (think === 'off') {
    const isOn = hasThoughts && !hasSwitch
    const variables = variablesFor('off', isOn && hasLevels ? 'low' : undefined)
    return { variables, notes: isOn ? [alwaysThinks(options, hasLevels)] : [], closes: isOn && options.canClose }
  }
  const thinks = hasThoughts || hasSwitch || hasLevels
  const isLevel = LEVELS.includes(think)
  const notes: Message[] = []
  if (!thinks) notes.push(doesNotThink(model, 'think'))
  else if (isLevel && !hasLevels) notes.push(`${model} has no levels of thinking: ${think} is the same as on`)
  return { variables: variablesFor(think), notes, closes: false }
}

/** The values of `think` that change the answers of a model. None if it does not think. */
export async function thinkChoices(options: Probe & Pick<ThinkOptions, 'hasThoughts'>): Promise<Think[]> {
  const { hasSwitch, hasLevels } = await provenSwitches(options)
  if (!options.hasThoughts && !hasSwitch && !hasLevels) return []
  return hasLevels ? ['off', ...LEVELS] : ['off', 'on']
}

type Probe = Pick<ThinkOptions, 'mentions' | 'render'>

/** Whether a template begins this prompt as for answers without thoughts, and another way for thoughts. */
export async function isSwitchedOff(prompt: string, { mentions, render }: Probe): Promise<boolean> {
  if (!SWITCHES.some(mentions) || prompt !== (await render(variablesFor('off')))) return false
  return prompt !== (await render(variablesFor('on')))
}

/** A template that does not name the variables is not rendered. */
async function provenSwitches({ mentions, render }: Probe): Promise<{ hasSwitch: boolean; hasLevels: boolean }> {
  const differ = async (a: Think, b: Think) => (await render(variablesFor(a))) !== (await render(variablesFor(b)))
  return {
    hasSwitch: SWITCHES.some(mentions) && (await differ('on', 'off')),
    hasLevels: mentions(EFFORT) && (await differ('low', 'high')),
  }
}

function variablesFor(think: Think, effort = LEVELS.find((level) => level === think)): Variables {
  return {
    ...Object.fromEntries(SWITCHES.map((name) => [name, think !== 'off'])),
    ...(effort !== undefined && { [EFFORT]: effort }),
  }
}

function conflicts(given: readonly string[], { think, args }: ThinkOptions): Message[] {
  const wanted = variablesFor(think)
  return given
    .filter((name) => wanted[name] !== undefined && wanted[name] !== args[name])
    .map((name) => phrase`the template argument ${name} wins over ${option('think')}`)
}

/** Warnings for thoughts asked of a prompt that cannot have them. */
export function unthought({ think, thinkBudget }: { think?: Think; thinkBudget?: number }, model: string): Message[] {
  const ignored = think && think !== 'off' ? 'think' : thinkBudget && 'thinkBudget'
  return ignored ? [doesNotThink(model, ignored)] : []
}

function doesNotThink(model: string, ignored: 'think' | 'thinkBudget'): Message {
  return phrase`${model} does not think: ${option(ignored)} has no effect`
}

export function noBudget(model: string, hasThoughts: boolean): Message {
  if (!hasThoughts) return doesNotThink(model, 'thinkBudget')
  return phrase`the end of ${model}'s thoughts cannot be forced: ${option('thinkBudget')} has no effect`
}

function alwaysThinks({ model, canClose }: ThinkOptions, hasLevels: boolean): string {
  const does = canClose ? 'its thoughts are closed before they begin' : 'it thinks all the same'
  return hasLevels
    ? `${model} cannot turn thinking off: it has the lowest effort, and ${does}`
    : `${model} has no switch for thinking: ${does}`
}
