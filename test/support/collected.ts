/** The steps of a generation, and its result. */
export async function collected<S, R>(generation: AsyncGenerator<S, R>): Promise<{ steps: S[]; result: R }> {
  const steps: S[] = []
  let next = await generation.next()
  for (; !next.done; next = await generation.next()) steps.push(next.value)
  return { steps, result: next.value }
}
