import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { devNull } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { WarmProcess } from '../cli/warm-process.js'
import { HubServer } from '../support/hub-server.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { REPO } from '../support/with-hub.js'
import { readCommandLine } from './command-line.js'
import { SERVER, writeCommand, writeInputs } from './inputs.js'
import { normalisePrinted } from './printed.js'
import { printedOf, readTranscript, writtenTranscript } from './transcript.js'

interface Printed {
  code: number | null
  stdout: string
  stderr: string
}

/** Variables of this process that the commands get, too. All others could change what they print. */
const KEPT_VARIABLES = ['PATH', 'TMPDIR', 'SystemRoot']

/** Runs the commands of a transcript in a new folder, one after another. Returns it with what they print now. */
export function runCommands(transcript: string): Promise<string> {
  return inTemporaryFolder(async (work) => {
    await writeInputs(work, transcript)
    await writeCommand(work)
    const hub = transcript.includes(REPO) ? await HubServer.start() : undefined
    await hub?.serve(REPO, '01-base-bin-f32')
    try {
      const runner = new CommandRunner(work, hub)
      const entries = readTranscript(transcript)
      for (const entry of entries) entry.printed = normalisePrinted(printedOf(await runner.run(entry.command)), work)
      return writtenTranscript(entries)
    } finally {
      await hub?.close()
    }
  })
}

/** Runs commands of molm in a process that has read the code, also if a shell starts them. */
class CommandRunner {
  private readonly warm = new WarmProcess()
  private readonly env: NodeJS.ProcessEnv

  constructor(
    private readonly work: string,
    private readonly hub?: HubServer,
  ) {
    const kept = KEPT_VARIABLES.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined)
    this.env = {
      ...Object.fromEntries(kept),
      PATH: `${join(work, 'bin')}${delimiter}${process.env.PATH}`,
      HOME: join(work, 'user'),
      MOLM_HOME: join(work, 'home'),
      SERVER,
      TZ: 'UTC',
      LANG: 'C.UTF-8',
      ...(hub ? { HF_ENDPOINT: hub.endpoint } : { HF_HUB_OFFLINE: '1' }),
    }
  }

  async run(command: string): Promise<Printed> {
    const line = readCommandLine(command, this.env)
    if (line?.words[0] === 'hub') return this.changeHub(line.words.slice(1))
    if (line?.words[0] !== 'molm') return this.inShell(command)
    const { words, env, from, to } = line
    const args = words.slice(1)
    const stdin = from === undefined ? devNull : join(this.work, from)
    const { code, stdout, stderr } = await this.warm.run({ args, env: { ...this.env, ...env }, stdin, cwd: this.work })
    if (to === undefined) return { code, stdout, stderr }
    await writeFile(join(this.work, to), stdout)
    return { code, stdout: '', stderr }
  }

  /** Commits a change to a repository of the hub, copies it under another name, gives it a new name, or removes it. */
  private changeHub([verb, repo, other]: string[]): Printed {
    const { repositories, renamed } = this.hub as HubServer
    const repository = repositories.get(repo)
    if (verb === 'rename') renamed.set(other, repo)
    else if (verb === 'remove') repositories.delete(repo)
    else if (!repository) throw new Error(`the hub has no ${repo}`)
    else if (verb === 'copy') repositories.set(other, repository)
    else this.hub?.change(repository, { 'generation_config.json': Buffer.from('{"temperature": 0.5}') })
    return { code: 0, stdout: '', stderr: '' }
  }

  private async inShell(command: string): Promise<Printed> {
    const { env, work: cwd } = this
    const child = spawn('sh', ['-c', command], { cwd, env, stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] })
    const [, stdout, stderr, numbers, codes] = child.stdio as [null, Readable, Readable, Readable, Writable]
    const printed = { stdout: '', stderr: '' }
    for (const [name, stream] of Object.entries({ stdout, stderr })) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed[name as 'stdout'] += text
      })
    }
    numbers.on('data', async (number) => codes.write(`${await this.runFor(Number(number))}\n`))
    const [code] = await once(child, 'close')
    return { code, ...printed }
  }

  /** Runs the command of a script that waits (inputs.ts). Returns its exit code. */
  private async runFor(script: number): Promise<number> {
    const process = `/proc/${script}`
    const listOf = async (file: string) => (await readFile(join(process, file), 'utf8')).split('\0').slice(0, -1)
    const [, , ...args] = await listOf('cmdline')
    const env = Object.fromEntries((await listOf('environ')).map((variable) => variable.split(/=(.*)/s)))
    const command = { args, env, stdin: join(process, 'fd/5'), cwd: join(process, 'cwd') }
    const { code, ...printed } = await this.warm.run(command)
    for (const name of ['stdout', 'stderr'] as const) await writeFile(join(this.work, 'bin', name), printed[name])
    return code ?? 1
  }
}
