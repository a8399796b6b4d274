import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'

/** Script option for the `molm` to start. */
export const MOLM = { type: 'string', default: 'bin/molm.js' }

/**
 * Starts a `molm serve` of nano at a free port and waits until it listens. Its stderr goes to `onError`, by default to
 * this process's stderr. Rejects if it ends before that.
 */
export async function startNano({ molm, threads, onError = (text) => process.stderr.write(text) }) {
  const args = ['serve', '-m', 'nano', '--port', '0', '-q', ...(threads ? ['-t', threads] : [])]
  const child = spawn(process.execPath, [molm, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr.setEncoding('utf8').on('data', onError)
  const ended = once(child, 'exit')
  const [said] = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), ended])
  const address = /http:\S+/.exec(said)
  if (!address) {
    child.kill()
    throw new Error(`${molm} serve did not start`)
  }
  return {
    url: new URL(address[0]),
    pid: child.pid,
    get isRunning() {
      return child.exitCode === null && child.signalCode === null
    },
    /** Ends the server with a signal. Resolves with the exit code, or null if the server did not handle the signal. */
    async end(signal) {
      child.kill(signal)
      const [code] = await ended
      return code
    },
  }
}

/** Sends a request on its own connection. Resolves with the status and the beginning of the answer. */
export function ask(url, method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const request = http.request(new URL(path, url), { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece) => {
        if (text.length < 1_000) text += piece
      })
      response.on('end', () => resolve({ status: response.statusCode, text })).on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
