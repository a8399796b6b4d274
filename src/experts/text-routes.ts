import { routesByKind } from '../engine/route-codec.js'
import type { LayerRoutes, Model, PromptProgress } from '../generation/types.js'
import { ExpertUsage } from './usage.js'

/** Tokens run at once; enough to keep the threads busy, few enough to stop soon. */
const CHUNK = 1024

/** A text as a model reads it: its tokens, the experts that each of them wakes, and their sum. */
export class TextRoutes {
  readonly usage: ExpertUsage
  private readonly chunks: LayerRoutes[][] = []

  constructor(
    readonly name: string,
    readonly tokens: readonly number[],
    model: Pick<Model, 'config'>,
  ) {
    this.usage = new ExpertUsage(model.config)
  }

  /** Takes the routes of the next `count` tokens; all chunks but the last have CHUNK of them. */
  add(routes: LayerRoutes[], count: number): void {
    this.usage.add(routes, count)
    this.chunks.push(routes)
  }

  /** The routes of one token: per layer k of each kind that it has. */
  at(token: number): LayerRoutes[] {
    const first = token - (token % CHUNK)
    const count = Math.min(CHUNK, this.tokens.length - first)
    return rowOf(this.chunks[first / CHUNK], token - first, count)
  }
}

/** What all reports on one or several texts need. */
export interface ReportInput {
  model: string
  texts: readonly TextRoutes[]
  /** Text of a token. */
  textOf: (token: number) => string
  /** Also show each token with its experts. */
  perToken: boolean
}

/** Row `token` of routes of `tokens` tokens. */
export function rowOf(routes: readonly LayerRoutes[], token: number, tokens: number): LayerRoutes[] {
  return routes.map((layer) => {
    const row: LayerRoutes = {}
    for (const { kind, ids, gates } of routesByKind(layer)) {
      const k = ids.length / tokens
      const [from, to] = [token * k, (token + 1) * k]
      row[kind] = { ids: ids.subarray(from, to), gates: gates.subarray(from, to) }
    }
    return row
  })
}

/**
 * Runs a text through the model, on its own and with nothing in front. `onPromptProgress` is told how far it has been
 * read. Rejects with the signal's reason when aborted.
 */
export async function routeText(
  model: Model,
  name: string,
  text: string,
  options: { signal?: AbortSignal; onPromptProgress?: (progress: PromptProgress) => void } = {},
): Promise<TextRoutes> {
  const { signal, onPromptProgress } = options
  const tokens = await model.tokenizer.encodeAsync(text, { addSpecialTokens: false, signal })
  const read = new TextRoutes(name, tokens, model)
  const session = model.createSession()
  const started = performance.now()
  try {
    for (let first = 0; first < read.tokens.length; first += CHUNK) {
      const chunk = read.tokens.slice(first, first + CHUNK)
      const { routes = [] } = await session.forward(chunk, {
        logits: 'none',
        routes: true,
        signal,
        onPromptProgress:
          onPromptProgress &&
          (({ processed }) =>
            onPromptProgress({
              processed: first + processed,
              total: tokens.length,
              timeMs: performance.now() - started,
            })),
      })
      read.add(routes, chunk.length)
    }
    return read
  } finally {
    session.dispose()
  }
}
