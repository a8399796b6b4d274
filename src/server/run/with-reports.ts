/**
 * Runs `work`. While it lasts, yields its latest report whenever the reader asks for one, so that a slow reader misses some.
 * Returns the result. If the reader leaves early, waits for the end of the work.
 */
export async function* withReports<R, T>(work: (report: (latest: R) => void) => Promise<T>): AsyncGenerator<R, T> {
  let unread: { report: R } | undefined
  let wake = () => {}
  const working = work((report) => {
    unread = { report }
    wake()
  })
  let isOver = false
  const over = () => {
    isOver = true
    wake()
  }
  working.then(over, over)
  try {
    while (!isOver || unread) {
      if (unread) {
        const { report }: { report: R } = unread
        unread = undefined
        yield report
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    return await working
  } finally {
    await working.catch(() => undefined)
  }
}
