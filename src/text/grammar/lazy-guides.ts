import type { Tokenizer } from '../../api/text.js'
import type { Guides } from './guide-client.js'

/** Guides whose code is read with the first, so that models without any start no later. */
export function lazyGuides(tokenizer: Tokenizer, vocabSize: number): Guides {
  let loading: Promise<Guides> | undefined
  const load = async (): Promise<Guides> => {
    const { GuideClient } = await import('./guide-client.js')
    return new GuideClient(tokenizer, vocabSize)
  }
  return {
    async open(spec, options) {
      loading ??= load()
      return (await loading).open(spec, options)
    },
    async close() {
      await (await loading)?.close()
    },
  }
}
