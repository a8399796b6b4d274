import type { RoutedToken } from '../../../api/wire.js'
import { base64Of, joined } from '../../../ground/bytes.js'
import { type ModelConfig, mixtureOf } from '../../../model/config/config.js'
import { usedIn } from '../../../model/config/experts-per-token.js'

/** No expert: in a dense layer, or in one that has fewer experts per token than others. */
const NONE = -1

/**
 * MLP experts of a choice's tokens in the form of vLLM and SGLang: ids as int16, [tokens, layers, k], for each token of
 * prompt and answer but the last one, which those do not read.
 */
export class PackedRoutes {
  private readonly rows: Int16Array[] = []
  private readonly k: number

  constructor(private readonly config: Pick<ModelConfig, 'layers' | 'mixtures'>) {
    const mixture = mixtureOf(config, 'mlp')
    const used = mixture?.experts.map((experts, layer) => (experts > 0 ? usedIn(mixture, layer) : 0)) ?? []
    this.k = Math.max(0, ...used)
  }

  add(tokens: readonly RoutedToken[]): void {
    for (const { experts } of tokens) {
      const row = new Int16Array(this.config.layers * this.k).fill(NONE)
      for (const { layer, mlp } of experts ?? []) if (mlp) row.set(mlp.ids, layer * this.k)
      this.rows.push(row)
    }
  }

  /** The field `routed_experts`: bytes in base64, little-endian, and their place. */
  get field() {
    const rows = this.rows.slice(0, -1)
    const bytes = rows.map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer))
    return {
      data: base64Of(joined(bytes)),
      shape: [rows.length, this.config.layers, this.k],
      dtype: 'int16',
      start: 0,
    }
  }
}
