import type { LimitedProcess } from '../sandbox/limited-process.js'
import type { JinjaProgram } from './program.js'

const MEBIBYTES = 64
const MILLISECONDS = 1500

/**
 * A template is a program, and a stranger's: it runs in a process of its own, where its time and memory are limited. One
 * that is plainly harmless is spared that.
 */
export class LimitedTemplate {
  private process?: Promise<LimitedProcess>
  private plain?: Promise<JinjaProgram | undefined>

  constructor(private readonly source: string) {}

  /** Gets ready to render. What is wrong with the template is said when it does. */
  async prepare(): Promise<void> {
    if (!(await this.plainProgram().catch(() => undefined))) (await this.limitedProcess()).start()
  }

  /** Rejects with what the template raises, the limit that was reached, or the signal's reason when aborted. */
  async render(variables: Record<string, unknown>, signal?: AbortSignal): Promise<string> {
    const plain = await this.plainProgram()
    if (plain) return plain.render(variables)
    const process = await this.limitedProcess()
    return process.ask<string>(variables, { milliseconds: MILLISECONDS, signal })
  }

  /** Imported here, and so is the process, so that only who needs them loads them. */
  private plainProgram(): Promise<JinjaProgram | undefined> {
    this.plain ??= import('./program.js').then(({ plainProgram }) => plainProgram(this.source))
    return this.plain
  }

  private limitedProcess(): Promise<LimitedProcess> {
    const script = new URL('./render-limited.js', import.meta.url)
    this.process ??= import('../sandbox/limited-process.js').then(
      ({ LimitedProcess }) => new LimitedProcess(script, this.source, MEBIBYTES),
    )
    return this.process
  }
}
