import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Tool } from '#molm/api/chat-options.js'
import type { ChatMessage, ChatTemplate } from '#molm/api/text.js'
import { type ChatFrame, type ChatFrameOptions, writeChat } from '#molm/text/chat-frame.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { GEMMA_4, GLM_4_6, LFM_2_5, MISTRAL, QWEN_3_5 } from '../support/family-templates.js'
import { fixturePath } from '../support/fixtures.js'
import { publishedTemplates } from '../support/published-templates.js'
import { inFolderOf } from './folders.js'

/** Chat templates by family. */
export type Family = keyof typeof SOURCES

const published = (name: string) => () => publishedTemplates().get(name) as string

const SOURCES = {
  qwen3: published('qwen3:0.6b'),
  /** Opens the thoughts in the prompt, always. */
  'qwen3-next': published('qwen3-next:80b'),
  'qwen3-coder': published('qwen3-coder:30b'),
  granite4: published('granite4:350m'),
  'granite3.1': published('granite3.1-moe:1b'),
  'granite3.3': published('granite3.3:2b'),
  smallthinker: published('smallthinker:3b'),
  mixtral: published('mixtral:8x7b'),
  'llama3.1': published('llama3.1:8b'),
  /** Joins arguments as texts. */
  'deepseek-v3': published('deepseek-v3:671b'),
  harmony: () => readFileSync(join(fixturePath('templates'), 'harmony.jinja'), 'utf8'),
  gemma4: () => GEMMA_4,
  'lfm2.5': () => LFM_2_5,
  glm: () => GLM_4_6,
  mistral: () => MISTRAL,
  'qwen3.5': () => QWEN_3_5,
}

const loaded = new Map<Family, Promise<ChatTemplate>>()

export function familyTemplate(family: Family): Promise<ChatTemplate> {
  const template = loaded.get(family) ?? load(family)
  loaded.set(family, template)
  return template
}

async function load(family: Family): Promise<ChatTemplate> {
  const config = { bos_token: '<s>', eos_token: '</s>' }
  const files = { 'chat_template.jinja': SOURCES[family](), 'tokenizer_config.json': config }
  const template = await inFolderOf(files, loadChatTemplate)
  assert.ok(template)
  return template
}

export async function framedBy(
  family: Family,
  messages: readonly ChatMessage[],
  options: ChatFrameOptions = {},
): Promise<ChatFrame> {
  return writeChat(messages, { template: await familyTemplate(family), model: family, ...options })
}

export const HI = [{ role: 'user', content: 'Hi' }]

export const WEATHER: Tool = {
  name: 'weather',
  description: 'Weather of a place.',
  parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
}

/** A question, thoughts with two calls, and their results. */
export const CALLED: ChatMessage[] = [
  { role: 'user', content: 'Weather in Bern and Oslo?' },
  {
    role: 'assistant',
    content: '',
    thinking: 'Two places.',
    toolCalls: [
      { id: 'call_1', name: 'weather', arguments: { place: 'Bern' } },
      { id: 'call_2', name: 'weather', arguments: { place: 'Oslo' } },
    ],
  },
  { role: 'tool', content: 'sun', toolCallId: 'call_1' },
  { role: 'tool', content: 'snow', toolCallId: 'call_2' },
]
