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
