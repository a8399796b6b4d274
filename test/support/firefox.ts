import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { inTemporaryFolder } from './temporary-folder.js'
import { PATIENCE_MS } from './until.js'
import type { WebServer } from './web-server.js'

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr'

/** Whether there is a Firefox. Without one its tests are skipped, unless FIREFOX names one, which must exist. */
export const HAS_FIREFOX = process.env.FIREFOX !== undefined || existsSync(FIREFOX)

/** Opens a page whose module runs `script`, which ends by `await send({ value })`. Resolves with the value. */
export function reportOfFirefox(web: WebServer, script: string): Promise<unknown> {
  web.pages.set('/firefox', pageOf(script))
  return inTemporaryFolder(async (profile) => {
    let child: ChildProcess | undefined
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        web.onReport = (text) => {
          const { value, error } = JSON.parse(text)
          if (error === undefined) resolve(value)
          else reject(new Error(error))
        }
        timer = setTimeout(() => reject(new Error('Firefox did not report')), PATIENCE_MS)
        const args = ['--headless', '--no-remote', '--profile', profile, `${web.url}/firefox`]
        child = spawn(FIREFOX, args, { stdio: 'ignore', env: { ...process.env, HOME: profile } })
        child.once('error', reject)
      })
    } finally {
      clearTimeout(timer)
      const ended = child && child.exitCode === null && new Promise((resolve) => child?.once('exit', resolve))
      child?.kill('SIGKILL')
      await ended
    }
  })
}

function pageOf(script: string): string {
  return `<!doctype html><meta charset="utf-8"><title>a page</title><script type="module">
    const send = (message) => fetch('/report', { method: 'POST', body: JSON.stringify(message) })
    addEventListener('unhandledrejection', ({ reason }) => send({ error: String(reason?.stack ?? reason) }))
    ${script}
  </script>`
}
