import { once } from 'node:events'
import { inspect } from 'node:util'
import type { Command } from 'commander'
import { UsageError } from '../../ground/errors.js'
import { expandHome } from '../../ground/files/home.js'
import { plural } from '../../ground/numbers.js'
import { printable } from '../../ground/printable.js'
import { availableMemory, MARGIN } from '../../library/machine/memory.js'
import type { RequestEntry } from '../../server/http/request-state.js'
import type { ListenOptions } from '../../server/listen.js'
import { interruption, interruptSignal } from '../io/interrupt.js'
import { note, writeErr, writeOut } from '../io/output.js'
import { addMaskOption } from '../parsing/mask-option.js'
import {
  addCacheType,
  addModelsOptions,
  addOutputOptions,
  addPresetOption,
  collect,
  FIRST,
  numberThat,
  parseSize,
  parseTime,
  wholeNumber,
} from '../parsing/options.js'
import { addPriority } from '../parsing/priority-option.js'
import { modelSources, type SourceOptions } from '../setup/serve-sources.js'

/** Most bytes of the folder of prompt caches. */
const DEFAULT_CACHE_BYTES = 8 * 2 ** 30

interface ServeOptions extends SourceOptions {
  host: string
  port: number
  apiKey?: string
  auth: boolean
  parallel: number
  promptCache?: string
  promptCacheSize?: number
  cors?: string
  idle?: number
}

export function define(command: Command): void {
  command
    .description(
      'Serves models through an HTTP API like OpenAI’s, and a page to chat with them in a browser. Only this ' +
        `computer can reach them, unless --host names another address. Ctrl-C finishes the running requests and ends.\n${EXAMPLES}`,
    )
    .addHelpText('after', NOTES)
    .action(serve)
  addModelsOptions(command)
    .optionsGroup(FIRST)
    .option('--host <address>', 'address to listen on; one that others can reach needs a key', '127.0.0.1')
    .option('--port <n>', 'port to listen on, 0 for any free port', wholeNumber('--port', 0, 65_535), 8080)
    .option('--api-key <key>', 'key that clients must send (default: $MOLM_API_KEY)')
    .optionsGroup('Server:')
    .option('--no-auth', 'do not require a key')
    .option('--alias <name>', 'name of the model for clients (default: its own name; one for each model)', collect)
    .option(
      '--idle <time>',
      'free a model’s experts after this time without a request, like 10m, and as much later the rest; 0 for never',
      idleTime,
      0,
    )
    .option(
      '--prompt-cache <folder>',
      'keep what prompts have been read here, for the time after a restart',
      expandHome,
    )
    .option(
      '--prompt-cache-size <size>',
      'most bytes of this folder; the least recently used caches go first (default: 8GiB)',
      (text) => parseSize('--prompt-cache-size', text),
    )
    .option('--parallel <n>', 'sequences that run at once', wholeNumber('--parallel', 1, 256), 8)
    .option('--cors <origin>', 'allow pages of this origin to use the API; * for all')
    .option('--atlas <file>', 'names of the experts for the page (default: atlas.json beside the model)')
  addMaskOption(addCacheType(addPriority(addPresetOption(command.optionsGroup('Model:')))))
  addOutputOptions(command)
}

const NOTES = `
The first model is loaded at the start, others when a request names them: within
--memory, the one used least recently makes room. SIGTERM ends the server as
Ctrl-C does.

Endpoints (docs/SERVE.md has all):
  POST /v1/chat/completions, /v1/responses, /v1/messages, /api/chat
  GET  /v1/models, /health, /metrics
  GET  / in a browser: a chat with live experts, a comparison of two texts`

const EXAMPLES = `
Examples:
  molm serve
  molm serve -m ./small --port 9000 --alias small
  molm serve -m ./small -m ./large --memory 6GB --idle 10m
  MOLM_API_KEY=secret molm serve --host 0.0.0.0
  curl http://127.0.0.1:8080/v1/completions \\
    -H 'Content-Type: application/json' -d '{"prompt": "The lantern"}'`

/**
 * Names of the models of `molm list`; none if the folder of models cannot be read, which is no fault of a client. GGUF
 * files are left out: their names are paths, which clients need not know.
 */
async function installedNames(): Promise<string[]> {
  const { listModels } = await import('../../index.js')
  const models = await listModels().catch(() => [])
  return models.filter(({ gguf }) => gguf === undefined).map(({ name }) => name)
}

async function serve(options: ServeOptions): Promise<void> {
  const sources = await modelSources(options)
  const settings = listenOptions(options)
  const prompts = await promptStore(options)
  const { listen } = await import('../../server/listen.js')
  let installed: Promise<string[]> | undefined
  const server = await listen({
    ...settings,
    prompts,
    // Clients ask often, and what is pulled meanwhile is served after a restart at the earliest.
    installed: () => (installed ??= installedNames()),
    memory: { available: availableMemory, used: process.memoryUsage.rss },
    margin: MARGIN,
  })
  try {
    const names = await server.load(sources)
    await writeOut(
      `${names.map((name) => printable(name)).join(', ')}: page ${server.url}  ·  API ${server.url}/v1  ·  Ctrl-C ends\n`,
    )
    if (!interruption()) await once(interruptSignal(), 'abort')
    if (!options.quiet) note('finishing the running requests; press again to end at once')
    await server.close()
  } catch (error) {
    // An interruption is not a failure, not even while the model loads.
    if (!interruption()) throw error
  } finally {
    await server.close()
  }
}

/** Opens the folder of prompt caches, if the options name one. Rejects with a UserError if it cannot be used. */
async function promptStore({ promptCache, promptCacheSize: most, quiet }: ServeOptions) {
  if (promptCache === undefined) {
    if (most !== undefined) throw new UsageError('--prompt-cache-size needs --prompt-cache')
    return undefined
  }
  const { PromptStore } = await import('../../chat/prompt-cache/prompt-store.js')
  const onNote = (text: string) => quiet || note(`note: ${printable(text, 300)}`)
  return PromptStore.open(promptCache, { most: most ?? DEFAULT_CACHE_BYTES, onNote })
}

/** Prints a line of the log. */
function noteRequest({ id, method, path, status, tokens, ms, isCutOff }: RequestEntry): void {
  const counts = tokens ? `${plural(tokens.prompt, 'token')} in, ${tokens.generated} out  ` : ''
  const end = isCutOff ? '  cut off' : ''
  note(`${method} ${printable(path, 100)} ${status}  ${counts}${Math.round(ms)} ms${end}  ${id}`)
}

function listenOptions({ host, port, auth, parallel, cors, idle, memory, ...options }: ServeOptions): ListenOptions {
  const apiKey = auth ? (options.apiKey ?? (process.env.MOLM_API_KEY || undefined)) : undefined
  if (options.apiKey !== undefined && !auth) throw new UsageError('--api-key and --no-auth exclude each other')
  if (options.apiKey?.trim() === '') throw new UsageError('--api-key is empty')
  if (apiKey !== undefined && !/^[!-~]([ -~]*[!-~])?$/.test(apiKey)) {
    const from = options.apiKey === undefined ? '$MOLM_API_KEY' : '--api-key'
    throw new UsageError(`${from} has a character that clients cannot send; use ASCII, with no blank at its ends`)
  }
  if (auth && apiKey === undefined && !isThisComputer(host)) {
    throw new UsageError(
      `any client that can reach ${host} could use the model: give an --api-key (or $MOLM_API_KEY), or --no-auth`,
    )
  }
  const log = options.verbose ? { onRequest: noteRequest, onModel: (line: string) => note(printable(line, 300)) } : {}
  const onError = (error: unknown, id?: string) => writeErr(`${id ?? 'molm'}: ${inspect(error)}\n`)
  return { host, port, apiKey, cors, idleMs: idle, weightsBytes: memory, onError, ...log, limits: { parallel } }
}

function isThisComputer(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Longest time of a timer: some 24 days. */
const MOST_MS = 2 ** 31 - 1

const idleTime = numberThat('--idle', 'a time like 30s, 10m or 2h, up to 576h', (ms) => ms <= MOST_MS, parseTime)
