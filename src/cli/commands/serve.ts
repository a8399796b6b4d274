import type { Command } from 'commander'
import { UsageError } from '../../errors.js'
import { loadAtlas } from '../../experts/load-atlas.js'
import { availableMemory } from '../../library/available-memory.js'
import { plural } from '../../numbers.js'
import { printable } from '../../printable.js'
import type { RequestEntry } from '../../server/http/every-response.js'
import type { ListenOptions } from '../../server/listen.js'
import { interruption, interruptSignal } from '../io/interrupt.js'
import { note, writeOut } from '../io/output.js'
import { addMaskOption } from '../parsing/mask-option.js'
import { addModelOptions, addOutputOptions, type ModelOptions, wholeNumber } from '../parsing/options.js'
import { withModel } from './with-model.js'

interface ServeOptions extends ModelOptions {
  host: string
  port: number
  apiKey?: string
  auth: boolean
  alias?: string
  parallel: number
  cors?: string
  atlas?: string
}

export function define(command: Command): void {
  command
    .description(
      'Serves the model through an HTTP API that is compatible with OpenAI’s. Listens on this computer only by default. ' +
        'On Ctrl-C or SIGTERM it finishes the running requests and ends.',
    )
    .option('--host <address>', 'address to listen on; needs a key if not local', '127.0.0.1')
    .option('--port <n>', 'port to listen on, 0 for any free port', wholeNumber('--port', 0, 65_535), 8080)
    .option('--api-key <key>', 'key that clients must send (default: $MOLM_API_KEY)')
    .option('--no-auth', 'do not require a key')
    .option('--alias <name>', 'name of the model for clients (default: its own name)')
    .option(
      '--parallel <n>',
      'sequences that run at once, in addition to short ones',
      wholeNumber('--parallel', 1, 256),
      8,
    )
    .option('--cors <origin>', 'allow pages of this origin to use the API; * for all')
    .option('--atlas <file>', 'names of the experts for the page (default: atlas.json beside the model)')
    .addHelpText('after', NOTES)
    .action(serve)
  addMaskOption(addModelOptions(command))
  addOutputOptions(command)
}

const NOTES = `
Endpoints:
  POST /v1/chat/completions, /v1/completions, /tokenize, /detokenize
  GET  /health, /metrics, /experts, /v1/models, /tokenizer_info
  GET  / in a browser: a chat with live experts, a comparison of two texts

Examples:
  molm serve
  molm serve -m ./small --port 9000 --alias small
  MOLM_API_KEY=secret molm serve --host 0.0.0.0
  curl http://127.0.0.1:8080/v1/completions \\
    -H 'Content-Type: application/json' -d '{"prompt": "The lantern"}'`

async function serve(options: ServeOptions): Promise<void> {
  const { listen } = await import('../../server/listen.js')
  const server = await listen({
    ...listenOptions(options),
    memory: { available: availableMemory, used: process.memoryUsage.rss },
  })
  try {
    await withModel(options, async ({ model, mask }) => {
      const warn = (message: string) => options.quiet || note(`warning: ${message}`)
      server.open(model, { mask, atlas: await loadAtlas(model, options.atlas, warn) })
      const name = options.alias ?? printable(model.name)
      await writeOut(`${name}: page ${server.url}  ·  API ${server.url}/v1  ·  Ctrl-C ends\n`)
      await interrupted()
      if (!options.quiet) note('finishing the running requests; press again to end at once')
      await server.close()
    })
  } catch (error) {
    // An interruption is not a failure, not even while the model loads.
    if (!interruption()) throw error
  } finally {
    await server.close()
  }
}

/** Prints a line of the log. */
function noteRequest({ id, method, path, status, tokens, ms, isCutOff }: RequestEntry): void {
  const counts = tokens ? `${plural(tokens.prompt, 'token')} in, ${tokens.generated} out  ` : ''
  const end = isCutOff ? '  cut off' : ''
  note(`${method} ${printable(path, 100)} ${status}  ${counts}${Math.round(ms)} ms${end}  ${id}`)
}

function listenOptions({ host, port, auth, alias, parallel, cors, ...options }: ServeOptions): ListenOptions {
  const apiKey = auth ? (options.apiKey ?? (process.env.MOLM_API_KEY || undefined)) : undefined
  if (options.apiKey !== undefined && !auth) throw new UsageError('--api-key and --no-auth exclude each other')
  if (options.apiKey?.trim() === '') throw new UsageError('--api-key is empty')
  if (apiKey !== undefined && !/^[!-~]([ -~]*[!-~])?$/.test(apiKey)) {
    const from = options.apiKey === undefined ? '$MOLM_API_KEY' : '--api-key'
    throw new UsageError(`${from} has a character that clients cannot send; use ASCII, with no blank at its ends`)
  }
  if (alias !== undefined && printable(alias, Infinity) !== alias) {
    throw new UsageError(`--alias has characters that cannot be printed: ${printable(alias)}`)
  }
  if (auth && apiKey === undefined && !isThisComputer(host)) {
    throw new UsageError(
      `any client that can reach ${host} could use the model: give an --api-key (or $MOLM_API_KEY), or --no-auth`,
    )
  }
  const onRequest = options.verbose ? noteRequest : undefined
  return { host, port, apiKey, alias, cors, onRequest, limits: { parallel } }
}

function isThisComputer(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function interrupted(): Promise<void> {
  const signal = interruptSignal()
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
}
