import { suite } from 'uvu'
import { type LoadOptions, loadModel, type Model } from '#molm/index.js'

/** Loads a model, runs `use` with it, and disposes of it. */
export async function withModel<T>(
  name: string,
  options: LoadOptions,
  use: (model: Model) => Promise<T> | T,
): Promise<T> {
  const model = await loadModel(name, options)
  try {
    return await use(model)
  } finally {
    await model.dispose()
  }
}

/** A suite whose tests share a model, on one thread by default. */
export function suiteWithModel(title: string, name = 'nano', options: LoadOptions = { threads: 1 }) {
  const test = suite<{ model: Model }>(title, { model: undefined as unknown as Model })
  test.before(async (context) => {
    context.model = await loadModel(name, options)
  })
  test.after(({ model }) => model.dispose())
  return test
}
