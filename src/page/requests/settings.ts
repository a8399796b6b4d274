import type { Think } from '../../api/chat-options.js'
import type { Sampling } from './api.js'
import { Refusal } from './refusal.js'
import type { PageModel } from './routes.js'

/** Fields of the settings by their ids, as a kept conversation has them. An empty one means the model's default. */
const FIELDS = ['system', 'temperature', 'max-tokens', 'seed', 'think', 'think-budget', 'schema', 'tools'] as const
export type Setting = (typeof FIELDS)[number]
export type Settings = Readonly<Record<Setting, string>>

/** A setting that the page or the server refuses, and the reason. */
export interface WrongSetting {
  setting: 'schema' | 'tools'
  why: string
}

/** Settings from kept ones. Those that are absent become empty. */
export function filledSettings(kept: Readonly<Record<string, string>>): Settings {
  return Object.fromEntries(FIELDS.map((setting) => [setting, kept[setting] ?? ''])) as Settings
}

/** The chosen setting of thinking, if the model has it. */
export function thinkOf({ think }: Settings, { thinking }: PageModel): Think | '' {
  return thinking.find((one) => one === think) ?? ''
}

/** Reads the settings for a model. Fields that it does not have are not sent. Throws NotJson if one is wrong. */
export function readSettings(settings: Settings, model: PageModel): Sampling & { system: string } {
  const { isChat, callsTools, thinking } = model
  const schema = isChat ? json('schema', settings) : undefined
  const tools = callsTools ? json('tools', settings) : undefined
  return {
    system: isChat ? settings.system.trim() : '',
    temperature: number(settings.temperature),
    max_tokens: number(settings['max-tokens']),
    seed: number(settings.seed),
    thinking_budget: thinking.length > 0 ? number(settings['think-budget']) : undefined,
    ...effort(thinkOf(settings, model)),
    ...(schema !== undefined && {
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
    }),
    // One tool may be given without a list around it.
    ...(tools !== undefined && { tools: [tools].flat() }),
  }
}

/** A setting is no JSON; nothing has been sent. */
class NotJson extends Error {
  constructor(
    readonly setting: WrongSetting['setting'],
    { message }: Error,
  ) {
    super(`not JSON: ${message}`)
  }
}

/** The setting that has caused an error; undefined if none did. */
export function wrongSetting(error: Error): WrongSetting | undefined {
  const why = error.message
  if (error instanceof NotJson) return { setting: error.setting, why }
  const field = error instanceof Refusal ? error.field : undefined
  if (field?.startsWith('response_format')) return { setting: 'schema', why }
  return field?.startsWith('tool') ? { setting: 'tools', why } : undefined
}

/** A setting of thinking as fields of a request. */
function effort(think: Think | ''): Sampling {
  if (think === '') return {}
  if (think === 'on') return { chat_template_kwargs: { enable_thinking: true } }
  return { reasoning_effort: think === 'off' ? 'none' : think }
}

function json(setting: WrongSetting['setting'], { [setting]: text }: Settings): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new NotJson(setting, error as Error)
  }
}

function number(text: string): number | undefined {
  return text === '' ? undefined : Number(text)
}
