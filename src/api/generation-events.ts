import type { GenerationResult, Step } from './generation.js'

/** A step of a generation or, as the last event, its result. */
export type GenerationEvent<S = Step, R = GenerationResult> =
  | { step: S; result?: undefined }
  | { step?: undefined; result: R }

/**
 * Yields the steps of a generation and then its result, which a `for await` over the generation itself drops. Leaving
 * the loop early ends the generation.
 *
 * @example
 * for await (const { step, result } of eventsOf(session.generate('Once'))) {
 *   if (step) process.stdout.write(step.text)
 *   else console.log(result.finishReason)
 * }
 */
export async function* eventsOf<S extends object, R extends object>(
  generation: AsyncGenerator<S, R>,
): AsyncGenerator<GenerationEvent<S, R>, void, void> {
  try {
    for (;;) {
      const { done, value } = await generation.next()
      if (done) return yield { result: value }
      yield { step: value }
    }
  } finally {
    // If the reader left early, this waits until the generation has stopped.
    await generation.return(undefined as never)
  }
}

/** Runs a generation to its end and resolves with its result. */
export async function resultOf<R extends object>(generation: AsyncGenerator<object, R>): Promise<R> {
  let next = await generation.next()
  while (!next.done) next = await generation.next()
  return next.value
}
