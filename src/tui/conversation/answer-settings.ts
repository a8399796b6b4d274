import type { GenerateOptions } from '../../api/generation.js'
import type { Settings } from './settings.js'

/** How answers come: options of generation, and whether their Markdown is drawn. */
export class AnswerSettings {
  drawsMarkdown = true
  private changed: Settings = {}

  constructor(
    /** Options of the command line. */
    private readonly given: GenerateOptions,
  ) {}

  /** Options of generation: those set here, then those of the command line. */
  get generation(): GenerateOptions & Settings {
    return { ...this.given, ...this.changed }
  }

  /** Limit of the tokens that count, if one is set. */
  get context(): number | undefined {
    return this.generation.context
  }

  /** Changes some options of generation. */
  set(settings: Settings): void {
    this.changed = { ...this.changed, ...settings }
  }
}
