/**
 * Works on at most `parallel` items at once and yields the results in the order of the items. At most `waiting` more
 * results wait for an earlier one. Reads an item only when there is room for it. An error of an item or of `work` is
 * thrown in its turn: results of earlier items are yielded first, and no more items are begun. At the end it waits for
 * the work under way, but not for an item that is still being read.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
  { parallel, waiting = 0 }: { parallel: number; waiting?: number },
): AsyncGenerator<Result, void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  /** From the first that is not yielded, in order. Only the last may still await its item. */
  const results: Promise<IteratorResult<Result, void>>[] = []
  const running = new Set<Promise<Result>>()
  let isReading = false
  let isOver = false

  const begin = () => {
    if (isOver || isReading || running.size >= parallel || results.length >= parallel + waiting) return
    isReading = true
    const result = next()
    // An error is thrown in its turn; until then it is not unhandled.
    result.catch(() => undefined)
    results.push(result)
  }
  const next = async (): Promise<IteratorResult<Result, void>> => {
    let result: Promise<Result> | undefined
    try {
      const item = await iterator.next()
      isReading = false
      if (item.done || isOver) {
        isOver = true
        return { done: true, value: undefined }
      }
      result = work(item.value)
      running.add(result)
      begin()
      return { value: await result }
    } catch (error) {
      isOver = true
      throw error
    } finally {
      if (result) running.delete(result)
      begin()
    }
  }

  try {
    for (;;) {
      begin()
      const { done, value } = await results[0]
      if (done) return
      yield value
      results.shift()
    }
  } finally {
    isOver = true
    await Promise.allSettled(running)
    if (!isReading) await iterator.return?.()
  }
}
