export interface InOrderOptions {
  /** Items that are worked on at once. */
  parallel: number
  /** Results that may wait for one that began before them, and is not there yet. */
  waiting: number
}

/**
 * Works on several items at once and hands each result to `write` in the order of the items, once it and all before it
 * are there. No more is read than is worked on or waits. Rejects with the first error of the items, of `work` or of
 * `write`, when nothing is under way any more; what was done before it, in order, has been written.
 */
export async function inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
  write: (result: Result) => Promise<void>,
  { parallel, waiting }: InOrderOptions,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]()
  const results = new Map<number, Result>()
  const underWay = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  let next: IteratorResult<Item> | undefined
  let isReading = false
  let isWriting = false
  let started = 0
  let written = 0
  let wake = () => {}

  /** Runs a step whose end is an event of the loop below. */
  const launch = (step: () => Promise<void>) => {
    const running = step()
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        underWay.delete(running)
        wake()
      })
    underWay.add(running)
  }
  const read = async () => {
    try {
      next = await iterator.next()
    } finally {
      isReading = false
    }
  }
  const start = async (item: Item, index: number) => {
    results.set(index, await work(item))
  }
  const writeDone = async () => {
    while (results.has(written)) {
      const result = results.get(written) as Result
      results.delete(written)
      await write(result)
      written++
    }
    isWriting = false
  }

  // Reading and writing are each one step at a time; what is under way beside them are items.
  const working = () => underWay.size - Number(isReading) - Number(isWriting)
  while (!failure) {
    if (!next && !isReading) {
      isReading = true
      launch(read)
    }
    if (!isWriting && results.has(written)) {
      isWriting = true
      launch(writeDone)
    }
    if (next && !next.done && working() < parallel && started - written < parallel + waiting) {
      const item = next.value
      const index = started++
      next = undefined
      launch(() => start(item, index))
      continue
    }
    if (next?.done && written === started && !isWriting) return
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  // An input that never says another word must not keep the error from being told.
  if (!isReading) await iterator.return?.()
  await ends(underWay, () => isReading)
  // Unless it was the writing that failed, which is then not over.
  if (!isWriting) await writeDone().catch(() => undefined)
  throw failure.error
}

/** Waits for all that is under way, but not for the reading of an input. */
async function ends(underWay: ReadonlySet<Promise<void>>, isReading: () => boolean): Promise<void> {
  while (underWay.size > Number(isReading())) await Promise.race(underWay)
}
