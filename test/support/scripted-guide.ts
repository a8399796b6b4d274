import type { SessionModel } from '#molm/engine/session/generation/session-model.js'
import type { Model } from '#molm/index.js'
import type { Guides } from '#molm/text/grammar/guide-client.js'
import { type Directive, GuideWriter } from '#molm/text/grammar/guide-ends.js'
import { guideMemory } from '#molm/text/grammar/guide-memory.js'

/** Directive after these tokens of the text. */
export type GuideScript = (tokens: readonly number[]) => Directive | Promise<Directive>

/** Lets a script on this thread guide every guided generation of a model. */
export function guideBy(model: Model, script: GuideScript): void {
  const { shared } = model as unknown as { shared: SessionModel & { config: { vocabSize: number } } }
  const guides: Guides = {
    open: async () => {
      const memory = guideMemory(shared.config.vocabSize)
      const end = { closed: false }
      void serve(new GuideWriter(memory), script, end)
      return { memory, close: () => (end.closed = true) }
    },
    close: async () => undefined,
  }
  shared.guides = guides
}

async function serve(writer: GuideWriter, script: GuideScript, end: { closed: boolean }): Promise<void> {
  const tokens: number[] = []
  while (!end.closed) {
    const directive = await script(tokens)
    writer.answer(directive)
    if (directive.kind === 'done' || directive.kind === 'failed') return
    const token = await writer.heardToken()
    if (token !== undefined) tokens.push(token)
    else if (directive.kind === 'forced') tokens.push(...directive.tokens)
  }
}

/** Mask with these ids. */
export function maskOf(ids: Iterable<number>, vocabSize: number): Directive {
  const mask = new Int32Array(Math.ceil(vocabSize / 32))
  for (const id of ids) mask[id >> 5] |= 1 << (id & 31)
  return { kind: 'masked', mask }
}
