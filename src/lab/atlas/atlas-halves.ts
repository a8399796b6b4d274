import type { PromptProgress } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { LayerRoutes } from '../../api/routes.js'
import { UserError } from '../../ground/errors.js'
import { cut, encodeTexts, useSession } from '../../insight/texts/reading.js'
import { ExpertUsage } from '../../insight/usage/usage.js'
import type { MixtureKind } from '../../model/config/config.js'

export interface TextKind {
  name: string
  texts: readonly { text: string }[]
}

const BLOCK = 512
/** Minimum blocks of a text, so that its halves are alike. */
const LEAST_BLOCKS = 8
const LEAST_TOKENS = 256

/** One half of the texts: its tokens, and the experts that each wakes. */
export class Half {
  /** Ids of the tokens, and the number of each token's kind of text. */
  readonly tokens: number[] = []
  readonly kinds: number[] = []
  private readonly routes: LayerRoutes[][] = []

  /** Adds the tokens of a block with their routes, one entry per layer. */
  add(kind: number, tokens: readonly number[], routes: LayerRoutes[]): void {
    this.tokens.push(...tokens)
    this.kinds.push(...tokens.map(() => kind))
    this.routes.push(routes)
  }

  /** Experts that the tokens choose in a layer, the same number for each token. */
  chosen(kind: MixtureKind, layer: number): Int32Array {
    const blocks = this.routes.map((routes) => routes[layer][kind]?.ids ?? new Int32Array())
    const all = new Int32Array(blocks.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const block of blocks) {
      all.set(block, at)
      at += block.length
    }
    return all
  }
}

/** Texts read by a model: two halves, and the usage of the experts by each kind of text. */
export interface ReadHalves {
  first: Half
  second: Half
  usages: ExpertUsage[]
}

export interface ReadOptions {
  onPromptProgress?: (progress: PromptProgress) => void
  signal?: AbortSignal
}

/**
 * Reads kinds of text in blocks that belong to the two halves by turns, so that both halves have all parts of a text. Each
 * block is read from its own beginning: no token of one half sees one of the other. Rejects with a UserError if a kind of
 * text has fewer than 256 tokens.
 */
export async function readHalves(
  model: Model,
  kinds: readonly TextKind[],
  options: ReadOptions = {},
): Promise<ReadHalves> {
  const { signal, onPromptProgress } = options
  const blocks: { kind: number; tokens: number[] }[] = []
  for (const [kind, { name, texts }] of kinds.entries()) {
    const encoded = await encodeTexts(model, texts, signal)
    const tokens = encoded.reduce((sum, { length }) => sum + length, 0)
    if (tokens < LEAST_TOKENS) {
      throw new UserError(`${name}: has ${tokens} tokens, too few; give at least ${LEAST_TOKENS} of each kind of text`)
    }
    const size = Math.min(BLOCK, Math.ceil(tokens / LEAST_BLOCKS))
    blocks.push(...encoded.flatMap((text) => cut(text, size)).map((tokens) => ({ kind, tokens })))
  }
  const read = { first: new Half(), second: new Half(), usages: kinds.map(() => new ExpertUsage(model.config)) }
  const total = blocks.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const started = performance.now()
  let done = 0
  const turns = kinds.map(() => 0)
  for (const { kind, tokens } of blocks) {
    const { routes } = await useSession(model, (session) =>
      session.forward(tokens, { logits: 'none', routes: true, signal }),
    )
    const half = turns[kind]++ % 2 === 0 ? read.first : read.second
    half.add(kind, tokens, routes)
    read.usages[kind].add(routes, tokens.length)
    done += tokens.length
    onPromptProgress?.({ processed: done, total, timeMs: performance.now() - started })
  }
  return read
}
