import { GENERATION_OPTIONS, OPTION_NAMES, optionsIn, settle, typedName } from '../../../api/generation-options.js'
import type { Model } from '../../../api/model.js'
import { formatBytes, plural } from '../../../ground/numbers.js'
import { note } from '../../io/output.js'
import type { TimedModel } from '../../setup/with-model.js'
import type { RunOptions } from './run-options.js'
import type { RunSummary } from './summary.js'

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
