import type { LimitedProcess } from '../sandbox/limited-process.js'
import type { JinjaProgram } from './program.js'

const MEBIBYTES = 64
const MILLISECONDS = 1500

/**
 * A chat template is an untrusted program: it runs in a sandbox process with limits of time and memory. Short and plain
 * templates, which cannot do harm, run in this process.
 */
export class LimitedTemplate {
  private process?: Promise<LimitedProcess>
  private plain?: Promise<JinjaProgram | undefined>

  constructor(private readonly source: string) {}

  /** Gets ready to render. Errors of the template are reported by `render`. */
  async prepare(): Promise<void> {
    if (!(await this.plainProgram().catch(() => undefined))) (await this.limitedProcess()).start()
  }

  /** Rejects with the template's error, the limit it exceeded, or the signal's reason when aborted. */
  async render(variables: Record<string, unknown>, signal?: AbortSignal): Promise<string> {
    const plain = await this.plainProgram()
    if (plain) return plain.render(variables)
    const process = await this.limitedProcess()
    return process.ask<string>(variables, { milliseconds: MILLISECONDS, signal })
  }

  /** Imports the interpreter on demand, as `limitedProcess` does the sandbox. */
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
