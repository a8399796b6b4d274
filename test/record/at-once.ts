/** Calls `use` for each item, for `jobs` of them at once. After a failure no other item begins. */
export async function useAtOnce<T>(items: readonly T[], jobs: number, use: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const useNext = async (): Promise<void> => {
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await use(next)
    } finally {
      waiting.length = 0
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: jobs }, useNext))
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}
