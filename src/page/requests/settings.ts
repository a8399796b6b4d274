import type { Think } from '../../api/chat-options.js'
import { byId } from '../elements/elements.js'
import { JsonBox, WrongSetting } from '../elements/json-box.js'
import type { Sampling } from './api.js'
import { Refusal } from './refusal.js'
import type { PageModel } from './routes.js'

/** Fields that a kept conversation has. */
const FIELDS = ['system', 'temperature', 'max-tokens', 'seed', 'think', 'think-budget', 'schema', 'tools']

/** How messages are answered. An empty field means the model's default. */
export class Settings {
  private readonly system = byId('system', HTMLTextAreaElement)
  private readonly think = byId('think', HTMLSelectElement)
  private readonly schema = new JsonBox('schema')
  private readonly tools = new JsonBox('tools')

  constructor(private model: PageModel) {
    this.show(model)
  }

  /** Shows the settings that a model has. The fields of others keep their texts, but are not sent. */
  show(model: PageModel): void {
    this.model = model
    for (const field of [this.system, this.schema.field]) field.disabled = !model.isChat
    byId('tool-setting', HTMLDivElement).hidden = !model.callsTools
    const { value } = this.think
    const [byModel] = this.think.options
    this.think.replaceChildren(byModel, ...model.thinking.map((think) => new Option(think)))
    this.think.value = model.thinking.includes(value as Think) ? value : ''
    for (const setting of document.querySelectorAll<HTMLElement>('.thinks')) {
      setting.hidden = model.thinking.length === 0
    }
  }

  /** The fields as they are, by their ids, to keep them with a conversation. */
  get fields(): Record<string, string> {
    return Object.fromEntries(FIELDS.map((id) => [id, fieldOf(id).value]))
  }

  /** Fills the fields with kept ones. Those that are absent become empty. */
  fill(fields: Record<string, string>): void {
    for (const id of FIELDS) {
      const field = fieldOf(id)
      field.value = fields[id] ?? ''
      // The model may not have the kept setting.
      if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.value = ''
      field.dispatchEvent(new Event('input'))
    }
  }

  /** Reads the settings. Throws WrongSetting if one is wrong. */
  read(): Sampling & { system: string } {
    const { isChat, callsTools, thinking } = this.model
    const schema = isChat ? this.schema.read() : undefined
    const tools = callsTools ? this.tools.read() : undefined
    return {
      system: this.system.value.trim(),
      temperature: number('temperature'),
      max_tokens: number('max-tokens'),
      seed: number('seed'),
      thinking_budget: thinking.length > 0 ? number('think-budget') : undefined,
      ...effort(this.think.value as Think | ''),
      ...(schema !== undefined && {
        response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
      }),
      // One tool may be given without a list around it.
      ...(tools !== undefined && { tools: [tools].flat() }),
    }
  }

  /** Shows an error at the setting that caused it. Returns false if none did. */
  blame(error: Error): boolean {
    if (error instanceof WrongSetting) error.box.refuse(error.message)
    else if (!(error instanceof Refusal)) return false
    else if (error.field?.startsWith('response_format')) this.schema.refuse(error.message)
    else if (error.field?.startsWith('tool')) this.tools.refuse(error.message)
    else return false
    return true
  }
}

/** A setting of thinking as fields of a request. */
function effort(think: Think | ''): Sampling {
  if (think === '') return {}
  if (think === 'on') return { chat_template_kwargs: { enable_thinking: true } }
  return { reasoning_effort: think === 'off' ? 'none' : think }
}

function fieldOf(id: string): HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement {
  return byId(id, HTMLElement) as HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement
}

/** Reads a field for a number. */
function number(id: string): number | undefined {
  const { valueAsNumber } = byId(id, HTMLInputElement)
  return Number.isNaN(valueAsNumber) ? undefined : valueAsNumber
}
