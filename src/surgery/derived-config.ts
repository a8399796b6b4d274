import { join } from 'node:path'
import { parseConfig } from '../architectures/index.js'
import { openLocalFile } from '../checkpoint/local-folder.js'
import { MOST_CONFIG_BYTES, readJsonObject } from '../checkpoint/small-file.js'
import type { ModelConfig, PerMixture } from '../model/config.js'

/** What the key `molm_experts` of a config.json says. */
export interface MolmExperts extends PerMixture<number[]> {
  silent?: PerMixture<number[]>
  gate_bias?: true
}

/** The config.json in `folder` with other experts: its text, and what it means. */
export async function configWithExperts(
  folder: string,
  molmExperts: MolmExperts,
): Promise<{ text: string; config: ModelConfig }> {
  const path = join(folder, 'config.json')
  const source = await openLocalFile(path)
  const json = {
    ...(await readJsonObject(source, MOST_CONFIG_BYTES).finally(() => source.close())),
    molm_experts: molmExperts,
  }
  return { text: `${JSON.stringify(json, null, 2)}\n`, config: parseConfig(json, path) }
}
