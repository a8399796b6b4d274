import type { ChatStep } from '../../api/chat-options.js'
import type { DeltaCall, PromptProgress, RoutedToken, WireChunk, WireMessage } from '../../api/wire.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { mattersObject } from '../../insight/matters/matters-forms.js'
import type { PageVoice } from '../../insight/pictures/interactive/page-data.js'
import { tabStorage } from '../elements/browser-storage.js'
import { readEvents } from './events.js'
import { Refusal } from './refusal.js'
import type { ModelCard } from './routes.js'

export interface Message extends WireMessage {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
}

/** A call of a tool. The arguments are JSON, if the model did not err. */
export interface Call {
  id: string
  name: string
  arguments: string
}

/** Part of an answer that a text or a token belongs to. */
export type AnswerPart = ChatStep['kind']

/** Options of an answer. Default: the model's own. */
export interface Sampling {
  temperature?: number
  max_tokens?: number
  seed?: number
  reasoning_effort?: 'none' | 'low' | 'medium' | 'high'
  /** Most tokens of thoughts; then the answer is forced. */
  thinking_budget?: number
  /** Variables of the chat template. */
  chat_template_kwargs?: { enable_thinking: boolean }
  /** The answer is JSON that a schema accepts. */
  response_format?: { type: 'json_schema'; json_schema: { name: string; schema: unknown } }
  tools?: unknown
}

/** A request for an answer: messages, or a text to be continued. */
export interface Asked extends Sampling {
  messages?: readonly Message[]
  prompt?: string
  /** Experts that no token may use, in the form `3:mlp:5`. */
  mask?: readonly string[]
}

/** How a request for an answer is sent. */
export interface Sending {
  model: string
  /** Id of the conversation. A gateway sends its requests to the same server, which has read most of the prompt before. */
  conversation: string
  signal: AbortSignal
}

/** A part of an answer, as it comes. */
export interface AnswerChunk {
  text: string
  thinking: string
  /** Their texts continue the call with the same index. */
  calls: DeltaCall[]
  tokens: RoutedToken[]
  /** Natural logarithms of the tokens' probabilities. */
  logprobs: number[]
  /** The prompt's tokens, with the first chunk; absent for a long conversation. */
  prompt?: RoutedToken[]
  /** How much of the prompt has been read, before the first token. */
  progress?: PromptProgress
  /** Notes on the request, such as that the model cannot stop thinking; with the first chunk. */
  notes: string[]
  finishReason?: string
}

/**
 * Fields that a server may refuse, but still answer. A server that reports the experts of a prompt reads it whole each
 * time: long conversations ask for the experts of the answer alone.
 */
function extrasOf({ messages, prompt = '' }: Asked): Extras {
  const length = messages?.reduce((sum, { content }) => sum + content.length, 0) ?? prompt.length
  return { routed_experts: length > MOST_ROUTED ? 'answer' : true, return_progress: true }
}

type Extras = Readonly<Record<string, unknown>>

/** Characters of a conversation whose questions show their experts too; about a thousand tokens. */
const MOST_ROUTED = 4000

/** Place of a token in a text that the model read. */
export interface TokenPlace {
  /** All tokens of the text. */
  ids: readonly number[]
  at: number
  /** Experts that the text was read without. */
  mask?: readonly string[]
}

/** The experts whose absence changes an answer most, at most twelve. */
export type MatteringExperts = ReturnType<typeof mattersObject>

/** Tokens of an answer in a text that the model read. */
export interface AnswerPlace extends Omit<TokenPlace, 'at'> {
  from: number
  to: number
  /** The token to look at, a number in the answer. Default: all of it. */
  token?: number
}

/** Name of the API key in the tab's storage. */
const KEY = 'molm-api-key'

/** Sends a request to a server, or to an engine in the page. */
export type Send = (path: string, init: RequestInit) => Promise<Response>

/** Client of the server's API. Addresses are relative, so the page also works in a folder of a larger site. */
export class Api {
  /** `askKey` asks the user for an API key; `isWrong` if the last one was refused. Resolves with undefined if cancelled. */
  constructor(
    private readonly askKey: (isWrong: boolean) => Promise<string | undefined>,
    private readonly send: Send = (path, init) => fetch(path, init),
  ) {}

  /**
   * All models of the server, and the names of others on its computer. Without `asksKey`, rejects if the key is wrong.
   */
  async models(asksKey = true): Promise<{ cards: ModelCard[]; others: string[] }> {
    const { data, not_served: others = [] } = await (await this.request('v1/models', { asksKey })).json()
    return { cards: data, others }
  }

  /** The names of a model's experts. Rejects if the server has none. */
  async atlas(model: string): Promise<Atlas> {
    return (await this.request(`experts/atlas?${new URLSearchParams({ model })}`)).json()
  }

  /** Asks what chose a token, and what its experts say after it. */
  async lens(model: string, { ids, at, mask }: TokenPlace): Promise<PageVoice[]> {
    const body = { model, prompt: ids.slice(0, at + 1), mask }
    const { experts, chosen_by = [] } = await (await this.request('experts/lens', { body })).json()
    const chose = chosen_by.map(({ logit, ...one }: PageVoice & { logit: number }) => {
      return { ...one, effect: logit, up: [], down: [] }
    })
    return [...chose, ...experts]
  }

  /** Finds the experts whose absence changes an answer most. */
  async matters(
    model: string,
    { ids, from, to, token, mask }: AnswerPlace,
    signal: AbortSignal,
  ): Promise<MatteringExperts> {
    const body = { model, prompt: ids.slice(0, from), answer: ids.slice(from, to), token, mask }
    return (await this.request('experts/matters', { body, signal })).json()
  }

  /** Yields the answer as it comes. */
  async *answer(asked: Asked, { model, conversation, signal }: Sending): AsyncGenerator<AnswerChunk> {
    const options = { signal, headers: { 'X-Conversation-Id': conversation } }
    const extras = extrasOf(asked)
    if (asked.messages) yield* this.stream('v1/chat/completions', { model, logprobs: true, ...asked }, extras, options)
    else yield* this.stream('v1/completions', { model, logprobs: 0, ...asked }, extras, options)
  }

  /** Tokens of a text, without special ones, and the experts that they wake. */
  async read(model: string, text: string, signal: AbortSignal): Promise<RoutedToken[]> {
    const tokenize = { model, prompt: text, add_special_tokens: false }
    const { tokens } = await (await this.request('tokenize', { body: tokenize, signal })).json()
    if (tokens.length === 0) throw new Error('the text is empty')
    const body = { model, prompt: tokens, max_tokens: 0, routed_experts: true }
    const { choices } = await (await this.request('v1/completions', { body, signal })).json()
    return choices[0].prompt_routed_experts
  }

  private async *stream(
    path: string,
    body: object,
    extras: Extras,
    options: RequestOptions,
  ): AsyncGenerator<AnswerChunk> {
    const response = await this.requestWith(path, { ...body, stream: true }, extras, options)
    if (!response.body) throw new Error('the server sent no answer')
    for await (const event of readEvents(response.body)) {
      // Events that have come already belong to a conversation that may be left.
      options.signal?.throwIfAborted()
      const { choices, notes = [], prompt_progress: progress } = event as WireChunk
      const [choice] = choices
      if (!choice) continue
      yield {
        text: choice.delta?.content ?? choice.text ?? '',
        thinking: choice.delta?.reasoning_content ?? '',
        calls: choice.delta?.tool_calls ?? [],
        tokens: choice.routed_experts ?? [],
        logprobs: choice.logprobs?.token_logprobs ?? choice.logprobs?.content?.map(({ logprob }) => logprob) ?? [],
        prompt: choice.prompt_routed_experts,
        progress,
        notes,
        finishReason: choice.finish_reason ?? undefined,
      }
    }
  }

  /** Sends a request, without extra fields that the server refuses. */
  private async requestWith(path: string, body: object, extras: Extras, options: RequestOptions): Promise<Response> {
    try {
      return await this.request(path, { ...options, body: { ...body, ...extras } })
    } catch (error) {
      const field = error instanceof Refusal ? error.field : undefined
      if (field === undefined || !(field in extras)) throw error
      const { [field]: refused, ...others } = extras
      // A prompt may have more tokens than its characters promise.
      const less = field === 'routed_experts' && refused === true ? { ...others, [field]: 'answer' } : others
      return this.requestWith(path, body, less, options)
    }
  }

  /** Sends a request, and again while the key is wrong. Rejects with the server's message if it refuses. */
  private async request(
    path: string,
    { body, signal, headers: more, asksKey = true }: RequestOptions = {},
  ): Promise<Response> {
    for (;;) {
      const key = tabStorage.get(KEY)
      const headers: Record<string, string> = { ...more, ...(key && { Authorization: `Bearer ${key}` }) }
      if (body) headers['Content-Type'] = 'application/json'
      const method = body ? 'POST' : 'GET'
      const response = await this.send(path, { method, headers, body: body && JSON.stringify(body), signal }).catch(
        (error) => {
          if (signal?.aborted) throw error
          throw new Error('the server does not answer; is it still running?')
        },
      )
      if (response.ok) return response
      if (response.status !== 401 || !asksKey) throw await refusal(response)
      const given = await this.askKey(key !== undefined)
      if (given === undefined) throw new Error('the server requires an API key')
      tabStorage.set(KEY, given)
    }
  }
}

interface RequestOptions {
  /** Sent as JSON. Default: a GET without a body. */
  body?: object
  signal?: AbortSignal
  headers?: Record<string, string>
  /** Whether the user is asked for a key if it is wrong. Default: true. */
  asksKey?: boolean
}

/** Reads the server's message from a response that refuses. */
async function refusal(response: Response): Promise<Refusal> {
  const said = await response.json().catch(() => undefined)
  const wait = response.headers.get('Retry-After')
  const message = said?.error?.message ?? `the server refused with status ${response.status}`
  return new Refusal(wait ? `${message} (try again in ${wait} s)` : message, said?.error?.param)
}
