import type { GenerationResult, Step } from '../../../api/generation.js'
import type { Model } from '../../../api/model.js'
import { expertsOf } from '../../../experts/layers-json.js'
import { GENERATION_OPTIONS, OPTION_NAMES, optionsIn, settle, typedName } from '../../../generation-options.js'
import { formatBytes, plural } from '../../../numbers.js'
import { printableText } from '../../../printable.js'
import { note, writeJson, writeOut } from '../../io/output.js'
import type { TimedModel } from '../with-model.js'
import { type AwakeCount, awakeCountFor } from './awake-count.js'
import type { RunOptions } from './run-options.js'
import { logprobsOf, type RunSummary, summarise, summariseInterrupted } from './summary.js'

/** Prints a generation as it runs. Texts are the visible ones, which may differ from the texts of the steps. */
export interface RunWriter {
  /** Prints the given beginning of the answer. */
  start(prefill: string): Promise<void>
  step(step: Step, text: string): Promise<void>
  /** `rest` is text held back until the end. */
  end(rest: string, result: GenerationResult): Promise<void>
  /** Called instead of `end`: prints what is known. */
  interrupted(promptTokens: number): Promise<void>
}

export function createRunWriter(options: RunOptions, loaded: TimedModel): RunWriter {
  if (options.json) return new JsonWriter(options, loaded)
  if (options.jsonl) return new JsonLinesWriter(options, loaded)
  return new TextWriter(options, loaded)
}

class TextWriter implements RunWriter {
  private last = ''
  private readonly awake: AwakeCount | undefined

  constructor(
    private readonly options: RunOptions,
    private readonly loaded: TimedModel,
  ) {
    this.awake = awakeCountFor(options, loaded.model)
  }

  async start(prefill: string): Promise<void> {
    await this.write(prefill)
    this.last = prefill
  }

  async step(step: Step, text: string): Promise<void> {
    this.awake?.add(step)
    await this.write(text)
    this.last = text || this.last
  }

  async end(rest: string, result: GenerationResult): Promise<void> {
    this.last = rest || this.last
    await this.write(rest + this.lineEnd())
    const { verbose, stats } = this.options
    if (!verbose && !stats) return
    const summary = await summarise(this.loaded, result)
    if (verbose) printSummary(summary, this.loaded, this.options)
    else printSpeeds(summary)
    if (this.awake) note(this.awake.sentence)
  }

  async interrupted(): Promise<void> {
    await writeOut(this.lineEnd())
    if (this.awake) note(this.awake.sentence)
  }

  /** Raw text for programs, without control characters for terminals. */
  private write(text: string): Promise<void> {
    return writeOut(process.stdout.isTTY ? printableText(text) : text)
  }

  /** Newline after a text that does not end with one, for the prompt of the shell or the next tool. */
  private lineEnd(): string {
    return this.last === '' || this.last.endsWith('\n') ? '' : '\n'
  }
}

/** Prints one object at the end. */
class JsonWriter implements RunWriter {
  private readonly steps: Step[] = []
  private text = ''
  private readonly awake: AwakeCount | undefined

  constructor(
    private readonly options: RunOptions,
    private readonly loaded: TimedModel,
  ) {
    this.awake = awakeCountFor(options, loaded.model)
  }

  async start(prefill: string): Promise<void> {
    this.text = prefill
  }

  async step(step: Step, text: string): Promise<void> {
    this.steps.push(step)
    this.awake?.add(step)
    this.text += text
  }

  async end(rest: string, result: GenerationResult): Promise<void> {
    this.text += rest
    const { model, prompt_tokens, tokens, ...summary } = await summarise(this.loaded, result)
    await writeLine({ model, prompt_tokens, tokens, text: this.text, ...summary, ...this.perToken() })
    if (this.options.verbose) printSummary({ model, prompt_tokens, tokens, ...summary }, this.loaded, this.options)
  }

  async interrupted(promptTokens: number): Promise<void> {
    const known = { promptTokens, tokens: this.steps.map(({ token }) => token), seed: this.options.seed }
    const { model, prompt_tokens, tokens, ...summary } = await summariseInterrupted(this.loaded, known)
    await writeLine({ model, prompt_tokens, tokens, text: this.text, ...summary, ...this.perToken() })
  }

  private perToken() {
    const { logprobs, experts } = this.options
    const { tokenizer } = this.loaded.model
    return {
      ...(logprobs !== undefined && { logprobs: this.steps.map((step) => logprobsOf(step, tokenizer)) }),
      ...(experts && { experts: this.steps.map(expertsOf) }),
      ...(this.awake && { awake: this.awake.counts }),
    }
  }
}

/** Prints an object per token, and one at the end. */
class JsonLinesWriter implements RunWriter {
  private readonly tokens: number[] = []
  private readonly awake: AwakeCount | undefined

  constructor(
    private readonly options: RunOptions,
    private readonly loaded: TimedModel,
  ) {
    this.awake = awakeCountFor(options, loaded.model)
  }

  /** The lines are tokens of the model, not the given beginning. */
  async start(): Promise<void> {}

  async step(step: Step, text: string): Promise<void> {
    const { logprobs, experts } = this.options
    this.tokens.push(step.token)
    this.awake?.add(step)
    const { logprob, top_logprobs } = logprobsOf(step, this.loaded.model.tokenizer)
    await writeLine({
      index: step.index,
      token: step.token,
      text,
      ...(logprobs !== undefined && { logprob, top_logprobs }),
      ...(experts && { experts: expertsOf(step) }),
    })
  }

  /** Prints `rest` here: no token's line has it, and the texts of all lines make up the whole text. */
  async end(rest: string, result: GenerationResult): Promise<void> {
    const summary = await summarise(this.loaded, result)
    await writeLine({ ...summary, ...this.ofAll(), ...(rest && { text: rest }) })
    if (this.options.verbose) printSummary(summary, this.loaded, this.options)
  }

  async interrupted(promptTokens: number): Promise<void> {
    const known = { promptTokens, tokens: this.tokens, seed: this.options.seed }
    await writeLine({ ...(await summariseInterrupted(this.loaded, known)), ...this.ofAll() })
  }

  private ofAll() {
    return this.awake && { awake: this.awake.counts }
  }
}

function writeLine(value: unknown): Promise<void> {
  return writeJson(value)
}

/** Prints the summary in words to stderr. */
function printSummary(summary: RunSummary, { model }: TimedModel, options: RunOptions): void {
  const { timings, memory, seed } = summary
  const { threads, tier, compiler, info } = model
  note(`${model.name}: ${info.quant} weights, ${plural(threads, 'thread')}, ${tier} kernels`)
  note(`kernels compiled by ${compiler}`)
  note(`loaded in ${timings.load_ms} ms`)
  printSpeeds(summary)
  note(`ended by ${ENDS[summary.finish_reason]}; settings: ${settingsOf(options, model, seed)}`)
  const { expert_hits, expert_misses, bytes_read, mean_attention_depth } = memory
  note(
    `experts: ${plural(expert_hits, 'time')} in memory, ${plural(expert_misses, 'time')} read (${formatBytes(bytes_read)} in all)`,
  )
  if (mean_attention_depth !== null) note(`attention: ${mean_attention_depth} keys visited per token and head`)
  note(`memory: ${formatBytes(memory.weights_bytes)} of weights, ${formatBytes(memory.rss_bytes)} in all`)
}

/** Prints the tokens of the prompt and of the answer, and their speeds, to stderr. */
function printSpeeds({ timings, tokens, prompt_tokens }: RunSummary): void {
  note(
    `prompt: ${plural(prompt_tokens, 'token')} in ${timings.prefill_ms} ms, ${rate(timings.prefill_tokens_per_second)}`,
  )
  note(
    `answer: ${plural(tokens.length, 'token')} in ${timings.decode_ms} ms, ${rate(timings.decode_tokens_per_second)}`,
  )
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
