import { identityList } from './expert-groups.js'
import type { AppendGroups } from './expert-mixture.js'
import type { Workspace } from './workspace.js'

/**
 * Keys and values as two more groups of the product that makes the experts' queries: pieces `key.weight` and
 * `value.weight`, and optionally `key.bias` and `value.bias`. Their rows begin at row `first` of the queries.
 */
export class KeyValueProjection {
  private readonly keyList: number
  private readonly valueList: number
  private readonly weights: { key: number; keyBias: number; value: number; valueBias: number }[]

  constructor(workspace: Workspace, first: number, { bias = false } = {}) {
    const { bank, maxTokens } = workspace
    this.keyList = identityList(bank, maxTokens, first)
    this.valueList = identityList(bank, maxTokens, first + maxTokens)
    this.weights = workspace.perLayer((layer) => ({
      key: workspace.at(layer, 'key.weight'),
      keyBias: bias ? workspace.at(layer, 'key.bias') : 0,
      value: workspace.at(layer, 'value.weight'),
      valueBias: bias ? workspace.at(layer, 'value.bias') : 0,
    }))
  }

  of(layer: number, tokens: number): AppendGroups {
    const { key, keyBias, value, valueBias } = this.weights[layer]
    return (groups, next) => {
      groups.append(next, key, keyBias, this.keyList, tokens)
      groups.append(next + 1, value, valueBias, this.valueList, tokens)
      return { matrices: 2, rows: 2 * tokens }
    }
  }
}
