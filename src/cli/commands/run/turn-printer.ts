import type { PromptProgress } from '../../../api/generation.js'
import type { LayerRoutes } from '../../../api/routes.js'
import type { TurnEvent } from '../../../engine/session/turn.js'
import { plural } from '../../../ground/numbers.js'
import { TraceFile } from '../../../insight/traces/trace.js'
import { createReadingLine, createStatusLine, type StatusLine } from '../../io/status-line.js'
import type { TimedModel } from '../../setup/with-model.js'
import type { RunOptions } from './run-options.js'
import type { RunWriter } from './run-writer.js'
import { TextWriter } from './text-writer.js'
import { noteFullContext, noteResult } from './warnings.js'

/** Prints the course of a turn, with status lines while nothing else comes, and writes its trace. */
export class TurnPrinter {
  private writer?: RunWriter
  private trace?: TraceFile
  private reading?: ReturnType<typeof createReadingLine>
  private thinking?: StatusLine
  private thoughts = 0
  private ids: readonly number[] = []
  private promptTraced?: Promise<void>
  private hasBegun = false

  constructor(
    private readonly options: RunOptions,
    private readonly loaded: TimedModel,
    private prefill: string,
  ) {}

  /** Options of a generation that is printed. */
  get listening() {
    const { experts, stats, trace } = this.options
    return {
      routes: experts || stats || trace !== undefined,
      onPromptProgress: (progress: PromptProgress) => this.reading?.show(progress),
      ...(trace !== undefined && { onPromptRoutes: (routes: LayerRoutes[]) => this.tracePrompt(routes) }),
    }
  }

  /** Begins the files. Rejects with a UserError if one cannot be written. */
  async open(): Promise<void> {
    const { options, loaded } = this
    const { tokenizer } = loaded.model
    if (options.trace !== undefined) this.trace = await TraceFile.create(options.trace, (id) => tokenizer.decode([id]))
    this.writer = await createRunWriter(options, loaded)
  }

  async print(event: TurnEvent): Promise<void> {
    await this.promptTraced
    switch (event.kind) {
      case 'prompt':
        this.ids = event.prompt.ids
        this.reading = createReadingLine(this.options)
        this.thinking = createStatusLine(this.options)
        this.thoughts = 0
        this.hasBegun = false
        return
      case 'token':
        await this.begin()
        await this.trace?.add(event.step)
        if (event.part === 'thinking') this.think()
        else this.thinking?.clear()
        return this.writer?.step(event.step, event.events, event.part)
      case 'answer':
        await this.begin()
        this.thinking?.clear()
        await this.writer?.end(event)
        if (event.result.contextFull && !this.options.quiet) noteFullContext(event)
        this.prefill = ''
        return
      case 'result':
        if (!this.options.quiet) noteResult(event.message)
        return this.writer?.ran(event.message)
    }
  }

  /** Prints what is known, in place of the rest. */
  async interrupted(promptTokens: number): Promise<void> {
    this.clear()
    await this.writer?.interrupted(promptTokens)
  }

  async close(): Promise<void> {
    this.clear()
    await this.trace?.close()
  }

  /** Prints the beginning of an answer, after the line of its reading, which would erase it. */
  private async begin(): Promise<void> {
    if (this.hasBegun) return
    this.hasBegun = true
    this.reading?.clear()
    await this.writer?.start(this.prefill)
  }

  /** Counts a token of thoughts that are not printed. */
  private think(): void {
    this.thoughts++
    const { showThinking, jsonl } = this.options
    if (!showThinking && !jsonl) this.thinking?.refresh(() => `thinking ... ${plural(this.thoughts, 'token')}`)
  }

  private clear(): void {
    this.reading?.clear()
    this.thinking?.clear()
  }

  private tracePrompt(routes: LayerRoutes[]): void {
    this.promptTraced = this.trace?.addPrompt(this.ids, routes)
    // The next event reports an error.
    this.promptTraced?.catch(() => undefined)
  }
}

/** Creates the writer that the options ask for. It imports writers of JSON on demand, since most runs print text. */
async function createRunWriter(options: RunOptions, loaded: TimedModel): Promise<RunWriter> {
  if (!options.json && !options.jsonl) return new TextWriter(options, loaded)
  const { JsonLinesWriter, JsonWriter } = await import('./json-writers.js')
  return options.json ? new JsonWriter(options, loaded) : new JsonLinesWriter(options, loaded)
}
