import { type Checkpoint, localFolder, openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import type { Tensor } from '#molm/model/checkpoint/tensor.js'
import type { ModelConfig } from '#molm/model/config/config.js'
import { parseConfig } from '#molm/model/families/index.js'
import { fixturePath } from './fixtures.js'

/** Opens a reference checkpoint, runs `use` with it, and closes it. */
export async function withFixture(
  name: string,
  use: (config: ModelConfig, checkpoint: Checkpoint) => unknown,
): Promise<void> {
  const checkpoint = await openCheckpoint(localFolder(fixturePath(name)))
  try {
    await use(parseConfig(checkpoint.config, name), checkpoint)
  } finally {
    await checkpoint.close()
  }
}

/** A tensor that must exist. */
export function tensorOf({ tensors }: Checkpoint, name: string): Tensor {
  const tensor = tensors.get(name)
  if (tensor === undefined) throw new Error(`the fixture has no tensor ${name}`)
  return tensor
}
