import { type Directive, type GuideWriter, MOST_FORCED } from './guide-memory.js'
import type { Limits } from './run/limits.js'
import { Route } from './run/route.js'
import type { GuideHost, Phase } from './run/stage.js'

/**
 * Gives the engine the limits of each token of a text, until the text is complete or the guide is closed. `work` does a
 * computation when it is the guide's turn. `begun` is called once the first limits are there.
 */
export async function followText(
  host: GuideHost,
  phases: () => readonly Phase[],
  writer: GuideWriter,
  work: <T>(compute: () => T) => Promise<T>,
  begun: () => void,
): Promise<void> {
  const route = await work(() => Route.begin(host, phases()))
  while (!writer.isClosed) {
    while (await work(() => !writer.isClosed && route.lookOn(MOST_FORCED)));
    const limits = await work(() => route.limits())
    if (writer.isClosed) return
    writer.answer(directiveOf(limits))
    if (writer.heard === 0) begun()
    if (limits.kind === 'end') return
    const token = await writer.heardToken()
    if (writer.isClosed) return
    await work(() => {
      for (const taken of limits.kind === 'tokens' ? limits.tokens.slice(0, MOST_FORCED) : [token as number])
        route.take(taken)
    })
  }
}

function directiveOf(limits: Limits): Directive {
  switch (limits.kind) {
    case 'any':
      return { kind: 'free' }
    case 'mask':
      return { kind: 'masked', mask: limits.mask }
    case 'tokens':
      return { kind: 'forced', tokens: Int32Array.from(limits.tokens.slice(0, MOST_FORCED)) }
    case 'end':
      return { kind: 'done' }
  }
}
