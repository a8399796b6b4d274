import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repositoryPath } from '../../support/fixtures.js'

export interface RunningServer {
  url: string
  /** Ends the server. Resolves with its arguments, outputs and exit code. */
  stop(): Promise<string>
}

/** Starts `molm serve` in the folder of models. */
export async function startServer(args: readonly string[], work: string): Promise<RunningServer> {
  const all = ['serve', ...args, '--port', '0', '-t', '1']
  const env = { PATH: process.env.PATH, HOME: join(work, 'home'), TZ: 'UTC', LANG: 'C.UTF-8', NO_COLOR: '1' }
  const child = spawn(process.execPath, [repositoryPath('bin/molm.js'), ...all], { cwd: join(work, 'models'), env })
  const outputs = { stdout: '', stderr: '' }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    outputs.stderr += text
  })
  const closed = once(child, 'close')
  const url = await addressOf(child, outputs).catch((error) => {
    child.kill()
    throw error
  })
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      const [code, signal] = await closed
      return `molm ${all.join(' ')}\n\n${outputs.stdout}\n${outputs.stderr}\nexit code ${code ?? signal}\n`
    },
  }
}

/** The address that the server prints once its first model has been loaded. */
function addressOf(child: ChildProcess, outputs: { stdout: string; stderr: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      outputs.stdout += text
      const [url] = /http:\/\/[\d.]+:\d+/.exec(outputs.stdout) ?? []
      if (url !== undefined && outputs.stdout.endsWith('\n')) resolve(url)
    })
    child.once('error', reject)
    child.once('close', () => reject(new Error(`the server has ended: ${outputs.stderr}`)))
  })
}

/** Resolves once nothing runs: what a request leaves in the caches is there for the next one. */
export async function settled(url: string): Promise<void> {
  for (;;) {
    const { running, waiting } = (await (await fetch(`${url}/health`)).json()) as Record<string, number>
    if (running === 0 && waiting === 0) return
  }
}
