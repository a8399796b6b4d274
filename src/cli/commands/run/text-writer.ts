import type { Step } from '../../../api/generation.js'
import { textOf } from '../../../engine/session/answer.js'
import type { Answered } from '../../../engine/session/turn.js'
import { colourDepth } from '../../../ground/output/colours.js'
import { styled } from '../../../ground/output/style.js'
import { printableText } from '../../../ground/printable.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'
import { note, writeErr, writeOut } from '../../io/output.js'
import type { TimedModel } from '../../setup/with-model.js'
import { type AwakeCount, awakeCountFor } from './awake-count.js'
import type { RunOptions } from './run-options.js'
import type { RunWriter } from './run-writer.js'
import { printSpeeds, printSummary, summarise } from './summary.js'

/** Prints the content of answers to stdout, and thoughts to stderr if they are asked for. */
export class TextWriter implements RunWriter {
  private last = ''
  private lastThought = ''
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

  async step(step: Step, events: readonly AnswerEvent[]): Promise<void> {
    this.awake?.add(step)
    await this.show(events)
  }

  async end(answered: Answered): Promise<void> {
    const { events, isLast } = answered
    await this.show(events)
    await this.endLines()
    const { verbose, stats } = this.options
    if (!isLast || !(verbose || stats)) return
    const summary = await summarise(this.loaded, answered)
    if (verbose) printSummary(summary, this.loaded, this.options)
    else printSpeeds(summary)
    if (this.awake) note(this.awake.sentence)
  }

  async ran(): Promise<void> {}

  async interrupted(): Promise<void> {
    await this.endLines()
    if (this.awake) note(this.awake.sentence)
  }

  private async show(events: readonly AnswerEvent[]): Promise<void> {
    if (this.options.showThinking) this.think(textOf(events, 'thinking'))
    const text = textOf(events, 'content')
    if (text === '') return
    this.endThoughts()
    await this.write(text)
    this.last = text
  }

  private think(text: string): void {
    if (text === '') return
    const depth = this.options.color === false ? 'none' : colourDepth(process.stderr)
    writeErr(process.stderr.isTTY ? styled(printableText(text), 'dim', depth) : text)
    this.lastThought = text
  }

  private endThoughts(): void {
    if (this.lastThought !== '' && !this.lastThought.endsWith('\n')) writeErr('\n')
    this.lastThought = ''
  }

  /** Raw text for programs, without control characters for terminals. */
  private write(text: string): Promise<void> {
    return writeOut(process.stdout.isTTY ? printableText(text) : text)
  }

  /** Newline after a text that does not end with one, for the prompt of the shell or the next tool. */
  private async endLines(): Promise<void> {
    this.endThoughts()
    if (this.last !== '' && !this.last.endsWith('\n')) await writeOut('\n')
    this.last = ''
  }
}
