import type { Tokenizer } from '../../api/text.js'
import { Utf8Stream } from '../../text/utf8-stream.js'
import type { FieldNames } from '../common/api-error.js'
import { withFields } from '../http/api.js'
import type { Usage } from '../run/choices.js'
import type { ScoredToken } from '../run/read-prompt.js'
import type { BegunChat } from './begin.js'

/* Reports besides the text of a response, in OpenAI's form. Other APIs have parts of it. */

/** An id: a short name of its kind, and letters. */
export function newId(kind: string): string {
  return `${kind}_${crypto.randomUUID().replaceAll('-', '')}`
}

/** Tokens of a request. A chat counts its thoughts. */
export function usageOf(usage: Usage, isChat: boolean) {
  const { promptTokens, cachedTokens, generatedTokens } = usage
  const details = generatedDetails(usage, isChat)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: generatedTokens,
    total_tokens: promptTokens + generatedTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    ...(Object.keys(details).length > 0 && { completion_tokens_details: details }),
  }
}

export function generatedDetails({ thoughtTokens, drafts: { drafted, right } }: Usage, isChat: boolean) {
  return {
    ...(isChat && { reasoning_tokens: thoughtTokens }),
    ...(drafted > 0 && { accepted_prediction_tokens: right, rejected_prediction_tokens: drafted - right }),
  }
}

/** Notes on a conversation, with the API's names of fields; absent if there are none. */
export function notesOf({ prompt }: Pick<BegunChat, 'prompt'>, names: FieldNames): { notes?: string[] } {
  return prompt.notes.length > 0 ? { notes: prompt.notes.map((note) => withFields(note, names)) } : {}
}

/** Log-probabilities of an answer's tokens; `content` includes thoughts and calls. */
export function chatLogprobs(scored: readonly ScoredToken[], tokenizer: Tokenizer | undefined) {
  const entry = (token: number, logprob: number | null) => {
    return { token: tokenText(token, tokenizer), logprob, bytes: [...bytesOf(token, tokenizer)] }
  }
  const content = scored.map(({ token, logprob, top }) => ({
    ...entry(token, logprob),
    top_logprobs: top.map((likely) => entry(likely.token, likely.logprob)),
  }))
  return { content, refusal: null }
}

/** Log-probabilities of a completion's tokens. */
export interface CompletionLogprobs {
  tokens: string[]
  /** Null for the first token of a text. */
  token_logprobs: (number | null)[]
  /** Likeliest tokens at each position, and the token itself. */
  top_logprobs: (Record<string, number> | null)[]
  /** Index in the choice's text at which each token begins, in UTF-16 code units. */
  text_offset: number[]
}

/** Collects the log-probabilities of a choice as its tokens come. */
export class CompletionScorer {
  private readonly utf8 = new Utf8Stream()
  private offset = 0

  /**
   * `echoed` is the prompt if the choice begins with it. The text of its tokens may be longer than the prompt, by a token
   * that begins a text or a blank before the first word.
   */
  constructor(
    private readonly tokenizer: Tokenizer | undefined,
    echoed?: { text: string; tokens: readonly number[] },
  ) {
    if (echoed) this.offset = echoed.text.length - textLength(echoed.tokens, tokenizer)
  }

  add(scored: readonly ScoredToken[]): CompletionLogprobs {
    const text_offset = scored.map(({ token }) => {
      const begin = Math.max(0, this.offset)
      this.offset += this.utf8.push(bytesOf(token, this.tokenizer)).length
      return begin
    })
    return {
      tokens: scored.map(({ token }) => this.text(token)),
      token_logprobs: scored.map(({ logprob }) => logprob),
      top_logprobs: scored.map((entry) => (entry.logprob === null ? null : this.top(entry, entry.logprob))),
      text_offset,
    }
  }

  /** In falling order; of tokens with the same text, the likeliest. */
  private top({ token, top }: ScoredToken, logprob: number): Record<string, number> {
    const all: Record<string, number> = Object.create(null)
    for (const entry of [...top, { token, logprob }]) all[this.text(entry.token)] ??= entry.logprob
    return all
  }

  private text(token: number): string {
    return tokenText(token, this.tokenizer)
  }
}

function textLength(tokens: readonly number[], tokenizer: Tokenizer | undefined): number {
  const utf8 = new Utf8Stream()
  const length = tokens.reduce((sum, token) => sum + utf8.push(bytesOf(token, tokenizer)).length, 0)
  return length + utf8.flush().length
}

const FROM_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text of a single token; empty without a tokenizer. A token that is not whole characters becomes `bytes:\xe2\x82`, as in
 * OpenAI's API, so that no two tokens look alike.
 */
function tokenText(token: number, tokenizer: Tokenizer | undefined): string {
  const bytes = bytesOf(token, tokenizer)
  try {
    return FROM_UTF8.decode(bytes)
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
  }
}

function bytesOf(token: number, tokenizer: Tokenizer | undefined): Uint8Array {
  return tokenizer?.bytesOf(token) ?? new Uint8Array(0)
}
