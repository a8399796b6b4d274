/**
 * Runs generators, at most `most` at once, and yields their values as they come. Each is asked for one value ahead at most.
 * If one fails or the reader leaves, calls `stop` and ends all others.
 */
export async function* interleaved<T>(
  sources: readonly (() => AsyncGenerator<T, void>)[],
  most: number,
  stop: () => void,
): AsyncGenerator<T> {
  const active = new Map<AsyncGenerator<T, void>, Promise<Next<T>>>()
  const ask = (source: AsyncGenerator<T, void>) => {
    const next = source.next().then((result) => ({ source, result }))
    // The race below throws the first error; later ones come from `stop`.
    next.catch(() => undefined)
    // Moves it behind the others, so that each has its turn.
    active.delete(source)
    active.set(source, next)
  }
  let begun = 0
  try {
    for (;;) {
      for (; begun < sources.length && active.size < most; begun++) ask(sources[begun]())
      if (active.size === 0) return
      const { source, result } = await Promise.race(active.values())
      if (result.done) {
        active.delete(source)
      } else {
        ask(source)
        yield result.value
      }
    }
  } finally {
    if (active.size > 0) stop()
    await Promise.allSettled([...active.keys()].map((source) => source.return()))
  }
}

interface Next<T> {
  source: AsyncGenerator<T, void>
  result: IteratorResult<T, void>
}
