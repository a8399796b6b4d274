import { type LoadOptions, loadModel, type Model } from '#molm/index.js'

/** Runs `use` with a loaded model, which is disposed of afterwards. */
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
