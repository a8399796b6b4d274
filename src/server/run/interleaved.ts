/**
 * Runs several generators, `most` at once, and gives what they yield as it comes, with the number of each; what they return
 * goes to `ended`. No more than one value of each is asked for ahead. When one fails, or the reader leaves, `stop` is called
 * and all others are ended.
 */
export async function* interleaved<T, R>(
  sources: readonly (() => AsyncGenerator<T, R>)[],
  most: number,
  { ended, stop }: { ended: (index: number, result: R) => void; stop: () => void },
): AsyncGenerator<{ index: number; value: T }> {
  const active = new Map<number, { source: AsyncGenerator<T, R>; next: Promise<Next<T, R>> }>()
  const ask = (index: number, source: AsyncGenerator<T, R>) => {
    const next = source.next().then((result) => ({ index, source, result }))
    // The error is met where it is waited for; others that fail meanwhile are stopped anyway.
    next.catch(() => undefined)
    // Behind the others, so that each has its turn.
    active.delete(index)
    active.set(index, { source, next })
  }
  let begun = 0
  try {
    for (;;) {
      for (; begun < sources.length && active.size < most; begun++) ask(begun, sources[begun]())
      if (active.size === 0) return
      const { index, source, result } = await Promise.race([...active.values()].map(({ next }) => next))
      if (result.done) {
        active.delete(index)
        ended(index, result.value)
      } else {
        ask(index, source)
        yield { index, value: result.value }
      }
    }
  } finally {
    if (active.size > 0) stop()
    await Promise.allSettled([...active.values()].map(({ source }) => source.return(undefined as never)))
  }
}

interface Next<T, R> {
  index: number
  source: AsyncGenerator<T, R>
  result: IteratorResult<T, R>
}
