import type { UserError } from '../../../ground/errors.js'
import { elementCount } from '../../checkpoint/tensor.js'
import type { GgufFile } from '../file/gguf-file.js'

const TOKENIZER = 'tokenizer.ggml.'

/** Maximum layers, as in a config.json; lists per layer stay short. */
const MOST_LAYERS = 2 ** 12

/** The metadata of a file under the name of its architecture, and which tensors it has. */
export class FamilyKeys {
  /** Value of general.architecture, the beginning of the keys. */
  readonly architecture: string

  constructor(readonly file: GgufFile) {
    this.architecture = file.metadata.text('general.architecture')
  }

  has(key: string): boolean {
    return this.file.metadata.has(this.name(key))
  }

  text<T>(key: string, absent: T): string | T {
    return this.file.metadata.text(this.name(key), absent)
  }

  number<T = never>(key: string, ...absent: T[]): number | T {
    return this.file.metadata.number(this.name(key), ...absent)
  }

  /** Numbers of a value that may be a number, a flag (0 or 1) or a list of them; none if the key is absent. */
  values(key: string): number[] {
    const { metadata } = this.file
    const name = this.name(key)
    if (!metadata.has(name)) return []
    if (metadata.isArray(name)) return metadata.numbers(name)
    return [metadata.isFlag(name) ? Number(metadata.flag(name)) : metadata.number(name)]
  }

  /** A number that the file may also store as a list with one for each layer, if all layers that have some agree. */
  uniform<T = never>(key: string, ...absent: T[]): number | T {
    if (!this.has(key)) return absent.length > 0 ? absent[0] : this.number(key)
    const values = this.values(key).filter((value) => value !== 0)
    if (new Set(values).size > 1) throw this.refuse(key, 'differs between layers, which molm does not run')
    return values[0] ?? 0
  }

  /** Layers without those behind them that predict further tokens. */
  get layers(): number {
    const layers = this.number('block_count')
    const drafting = this.number('nextn_predict_layers', 0)
    if (Number.isInteger(layers) && layers > drafting && layers <= MOST_LAYERS) return layers - drafting
    throw this.refuse('block_count', `must be an integer from 1 to ${MOST_LAYERS}, not ${layers}`)
  }

  get headSize(): number {
    const key = 'attention.key_length'
    if (this.has(key)) return this.number(key)
    return this.number('embedding_length') / this.uniform('attention.head_count')
  }

  /** The id of a special token; null if the file names none. */
  tokenId(name: string): number | null {
    return this.file.metadata.number(`${TOKENIZER}${name}_token_id`, null)
  }

  hasTensor(name: string): boolean {
    return this.file.tensors.has(name)
  }

  get hasAttentionBias(): boolean {
    return this.layersWith('attn_q.bias').length > 0 || this.layersWith('attn_qkv.bias').length > 0
  }

  layersWith(name: string): number[] {
    return [...Array(this.layers).keys()].filter((layer) => this.hasTensor(`blk.${layer}.${name}`))
  }

  /** Rows of a tensor, the second size in GGUF's order; undefined if the file lacks it. */
  rowsOf(name: string): number | undefined {
    const shape = this.file.tensors.get(name)?.shape
    return shape && elementCount(shape.slice(0, -1))
  }

  refuse(key: string, why: string): UserError {
    return this.file.metadata.refuse(this.name(key), why)
  }

  private name(key: string): string {
    return `${this.architecture}.${key}`
  }
}
