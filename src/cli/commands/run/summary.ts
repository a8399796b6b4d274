import type { GenerationResult, Step } from '../../../api/generation.js'
import { GENERATION_OPTIONS, OPTION_NAMES, optionsIn, settle, typedName } from '../../../api/generation-options.js'
import type { Model } from '../../../api/model.js'
import type { Tokenizer } from '../../../api/text.js'
import type { Answered } from '../../../engine/session/turn.js'
import { formatBytes, plural } from '../../../ground/numbers.js'
import { note } from '../../io/output.js'
import type { TimedModel } from '../../setup/with-model.js'
import type { RunOptions } from './run-options.js'

/** The object that `molm run --json` prints, without its text. */
export interface RunSummary {
  model: string
  prompt_tokens: number
  tokens: number[]
  finish_reason: GenerationResult['finishReason']
  seed: number
  /** Format of the keys and values in the cache: bf16, q8 or f32. */
  cache_type: Model['cacheType']
  timings: {
    load_ms: number
    /** Tokens of the prompt that were in a cache. */
    cached_tokens: number
    prefill_ms: number
    prefill_tokens_per_second: number | null
    decode_ms: number
    /** Null if there is no token after the first. */
    decode_tokens_per_second: number | null
    /** Tokens drafted by prompt lookup, and how many of them were right. Absent if there were none. */
    drafted_tokens?: number
    right_drafts?: number
  }
  memory: {
    weights_bytes: number
    rss_bytes: number
    /** Uses of experts that were in memory. */
    expert_hits: number
    /** Uses of experts that had to be read. */
    expert_misses: number
    /** Bytes read for the misses. */
    bytes_read: number
    /** Mean number of keys that an attention head visited per token; null for attention that always visits all. */
    mean_attention_depth: number | null
  }
}

/** Summarises an interrupted generation, with null for values known only at the end. */
export async function summariseInterrupted(
  { model, loadMs }: TimedModel,
  { promptTokens, tokens, seed = null }: { promptTokens: number; tokens: number[]; seed?: number | null },
) {
  const unknown = { prefill_tokens_per_second: null, decode_ms: null, decode_tokens_per_second: null }
  return {
    model: model.name,
    prompt_tokens: promptTokens,
    tokens,
    finish_reason: null,
    seed,
    cache_type: model.cacheType,
    timings: { load_ms: rounded(loadMs, 1), cached_tokens: null, prefill_ms: null, ...unknown },
    memory: await memoryOf(model),
  }
}

export async function summarise(
  { model, loadMs }: TimedModel,
  { result, promptTokens, cachedTokens }: Pick<Answered, 'result' | 'promptTokens' | 'cachedTokens'>,
): Promise<RunSummary> {
  const { tokens, finishReason, seed, prefillMs, decodeMs, readAgain = 0, drafts } = result
  // The prefill gives the first token.
  const decoded = finishReason === 'eos' ? tokens.length : tokens.length - 1
  return {
    model: model.name,
    prompt_tokens: promptTokens,
    tokens,
    finish_reason: finishReason,
    seed,
    cache_type: model.cacheType,
    timings: {
      load_ms: rounded(loadMs, 1),
      cached_tokens: cachedTokens - readAgain,
      prefill_ms: rounded(prefillMs, 1),
      prefill_tokens_per_second: perSecond(promptTokens - cachedTokens + readAgain, prefillMs),
      decode_ms: rounded(decodeMs, 1),
      decode_tokens_per_second: perSecond(decoded, decodeMs),
      ...(drafts && { drafted_tokens: drafts.drafted, right_drafts: drafts.right }),
    },
    memory: await memoryOf(model),
  }
}

async function memoryOf(model: Model): Promise<RunSummary['memory']> {
  const { weightsBytes, expertHits, expertMisses, bytesRead, meanAttentionDepth } = await model.stats()
  return {
    weights_bytes: weightsBytes,
    rss_bytes: process.memoryUsage.rss(),
    expert_hits: expertHits,
    expert_misses: expertMisses,
    bytes_read: bytesRead,
    mean_attention_depth: meanAttentionDepth === undefined ? null : rounded(meanAttentionDepth, 1),
  }
}

/** A token with its log-probability, and the most likely tokens at its position with theirs. */
export function logprobsOf({ token, logprob, topLogprobs = [] }: Step, tokenizer: Tokenizer) {
  const text = (id: number) => tokenizer.decode([id])
  return {
    token,
    text: text(token),
    logprob,
    top_logprobs: topLogprobs.map((top) => ({ token: top.token, text: text(top.token), logprob: top.logprob })),
  }
}

function perSecond(count: number, ms: number): number | null {
  return count > 0 && ms > 0 ? rounded((1000 * count) / ms, 1) : null
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/** Prints the summary in words to stderr. */
export function printSummary(summary: RunSummary, loaded: TimedModel, options: RunOptions): void {
  const { memory, seed } = summary
  const { model } = loaded
  printModel(loaded)
  printSpeeds(summary)
  note(`ended by ${ENDS[summary.finish_reason]}; settings: ${settingsOf(options, model, seed)}`)
  const { expert_hits, expert_misses, bytes_read, mean_attention_depth } = memory
  note(
    `experts: ${plural(expert_hits, 'time')} in memory, ${plural(expert_misses, 'time')} read (${formatBytes(bytes_read)} in all)`,
  )
  if (mean_attention_depth !== null) note(`attention: ${mean_attention_depth} keys visited per token and head`)
  note(`memory: ${formatBytes(memory.weights_bytes)} of weights, ${formatBytes(memory.rss_bytes)} in all`)
}

/** Prints how the model was loaded to stderr. */
export function printModel({ model, loadMs }: TimedModel): void {
  const { threads, tier, compiler, info, cacheType } = model
  note(`${model.name}: ${info.quant} weights, ${cacheType} cache, ${plural(threads, 'thread')}, ${tier} kernels`)
  note(`kernels compiled by ${compiler}`)
  note(`loaded in ${Number(loadMs.toFixed(1))} ms`)
}

/** Prints the tokens of the prompt and of the answer, and their speeds, to stderr. */
export function printSpeeds({ timings, tokens, prompt_tokens }: RunSummary): void {
  const { cached_tokens: cached, drafted_tokens: drafted, right_drafts: right } = timings
  note(
    `prompt: ${plural(prompt_tokens, 'token')}${cached > 0 ? `, ${cached} of them cached,` : ''} in ${timings.prefill_ms} ms, ${rate(timings.prefill_tokens_per_second)}`,
  )
  note(
    `answer: ${plural(tokens.length, 'token')} in ${timings.decode_ms} ms, ${rate(timings.decode_tokens_per_second)}`,
  )
  if (drafted) note(`prompt lookup: ${right} of ${plural(drafted, 'drafted token')} right`)
}

const ENDS: Record<RunSummary['finish_reason'], string> = {
  eos: 'an end-of-text token (eos)',
  stop: 'a stop text (stop)',
  length: '--max-tokens or the context (length)',
}

/** The effective options of the generation, as flags. */
function settingsOf(options: RunOptions, { generationDefaults }: Model, seed: number): string {
  const settings = settle(optionsIn(options), generationDefaults, { seed })
  const numbers = OPTION_NAMES.filter((name) => GENERATION_OPTIONS[name].kind === 'number' && name !== 'logprobs')
  return numbers
    .filter((name) => settings[name] !== Number.MAX_SAFE_INTEGER)
    .map((name) => `--${typedName(name)} ${settings[name]}`)
    .join(' ')
}

function rate(tokensPerSecond: number | null): string {
  return tokensPerSecond === null ? 'too few tokens for a speed' : `${tokensPerSecond} tokens/s`
}
