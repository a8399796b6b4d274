import { type Directive, type GuideWriter, MOST_FORCED } from './guide-memory.js'
import type { Limits } from './run/limits.js'
import { Route } from './run/route.js'
import type { GuideHost, Phase } from './run/stage.js'

/** Gives the engine the limits of each token of a text, until the text is complete or the guide is closed. */
export async function followText(host: GuideHost, phases: readonly Phase[], writer: GuideWriter): Promise<void> {
  const route = Route.begin(host, phases)
  while (!writer.isClosed) {
    const limits = route.limits(MOST_FORCED)
    const directive = directiveOf(limits)
    writer.answer(directive)
    if (directive.kind === 'done') return
    const token = await writer.heardToken()
    if (writer.isClosed) return
    for (const taken of limits.kind === 'tokens' ? limits.tokens.slice(0, MOST_FORCED) : [token as number])
      route.take(taken)
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
