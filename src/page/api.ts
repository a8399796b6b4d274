import { readEvents } from './events.js'
import { type PageModel, pageModel, type RoutedToken } from './routes.js'

export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** How an answer is to be made; what is left out is as the model's makers want it. */
export interface Sampling {
  temperature?: number
  max_tokens?: number
  seed?: number
}

/** What comes of an answer at a time. */
export interface AnswerChunk {
  text: string
  tokens: RoutedToken[]
  /** With the first chunk: the tokens of the prompt. */
  prompt?: RoutedToken[]
  finishReason?: string
}

/** Where the key is kept until the tab is closed. */
const KEY = 'molm-api-key'

/** The server's API, as the page uses it. Addresses are relative: the page may lie in a folder of a larger site. */
export class Api {
  /** Asks the reader for an API key; `isWrong` where the one before was refused. Undefined where none is given. */
  constructor(private readonly askKey: (isWrong: boolean) => Promise<string | undefined>) {}

  async model(): Promise<PageModel> {
    const { data } = await (await this.request('v1/models')).json()
    return pageModel(data[0])
  }

  /** The answer to messages, as it comes. */
  async *chat(model: string, messages: readonly Message[], sampling: Sampling, signal: AbortSignal) {
    yield* this.stream('v1/chat/completions', { model, messages, ...sampling }, signal)
  }

  /** The continuation of a text, as it comes. */
  async *complete(model: string, prompt: string, sampling: Sampling, signal: AbortSignal) {
    yield* this.stream('v1/completions', { model, prompt, ...sampling }, signal)
  }

  /** The tokens of a text with the experts that they wake, on its own and with nothing in front. */
  async read(model: string, text: string, signal: AbortSignal): Promise<RoutedToken[]> {
    const tokenize = { prompt: text, add_special_tokens: false }
    const { tokens } = await (await this.request('tokenize', tokenize, signal)).json()
    if (tokens.length === 0) throw new Error('there is no text in it')
    const body = { model, prompt: tokens, max_tokens: 0, routed_experts: true }
    const { choices } = await (await this.request('v1/completions', body, signal)).json()
    return choices[0].prompt_routed_experts
  }

  private async *stream(path: string, body: object, signal: AbortSignal): AsyncGenerator<AnswerChunk> {
    const streamed = { ...body, stream: true }
    const response = await this.request(path, { ...streamed, routed_experts: true }, signal).catch((error) => {
      // Of a long conversation a server does not tell the experts, but it answers all the same.
      if (error instanceof Refusal && error.field === 'routed_experts') return this.request(path, streamed, signal)
      throw error
    })
    if (!response.body) throw new Error('the server gave no answer')
    for await (const event of readEvents(response.body)) {
      const { choices } = event as StreamEvent
      const [choice] = choices
      if (!choice) continue
      yield {
        text: choice.delta?.content ?? choice.text ?? '',
        tokens: choice.routed_experts ?? [],
        prompt: choice.prompt_routed_experts,
        finishReason: choice.finish_reason ?? undefined,
      }
    }
  }

  /** Asks until a key is right. Rejects with the server's own words where it refuses. */
  private async request(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    for (;;) {
      const key = sessionStorage.getItem(KEY)
      const headers: Record<string, string> = key ? { Authorization: `Bearer ${key}` } : {}
      if (body) headers['Content-Type'] = 'application/json'
      const method = body ? 'POST' : 'GET'
      const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal }).catch(
        (error) => {
          if (signal?.aborted) throw error
          throw new Error('the server does not answer; is it still running?')
        },
      )
      if (response.ok) return response
      if (response.status !== 401) throw await refusal(response)
      const given = await this.askKey(key !== null)
      if (given === undefined) throw new Error('the server wants an API key')
      sessionStorage.setItem(KEY, given)
    }
  }
}

interface StreamEvent {
  choices: {
    delta?: { content?: string }
    text?: string
    routed_experts?: RoutedToken[]
    prompt_routed_experts?: RoutedToken[]
    finish_reason?: string | null
  }[]
}

/** What the server does not do; `field` is that of the request which is at fault, where one is. */
class Refusal extends Error {
  constructor(
    message: string,
    readonly field?: string,
  ) {
    super(message)
  }
}

/** What a refusing server said, in its own words where they can be read. */
async function refusal(response: Response): Promise<Refusal> {
  const said = await response.json().catch(() => undefined)
  const wait = response.headers.get('Retry-After')
  const message = said?.error?.message ?? `the server refused with status ${response.status}`
  return new Refusal(wait ? `${message} (try again in ${wait} s)` : message, said?.error?.param)
}
