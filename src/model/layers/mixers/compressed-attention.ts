import { allocateGroups, allocateList, writeGroup, writeListEntry } from '../../../kernels/calls/groups.js'
import { CompressedHeads, HeadTransform } from '../../../kernels/calls/head-transform.js'
import { Matmul } from '../../../kernels/calls/matmul.js'
import { convolutionStateFloats } from '../../../kernels/calls/short-convolution.js'
import { SoftmaxAttention } from '../../../kernels/calls/softmax-attention.js'
import { padded, roundUp } from '../../../kernels/memory/formats.js'
import { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Workspace } from '../workspace.js'
import { CausalConvolution } from './causal-convolution.js'
import type { Rope } from './rope.js'

export interface CompressedShape {
  /** H heads of queries, K heads of keys and values; each of the latter serves H / K heads of queries. */
  heads: number
  keyValueHeads: number
  headSize: number
  /** Tokens that the convolution by channels sees, and tokens that the one by heads sees. */
  taps: readonly [channels: number, heads: number]
}

export interface CompressedOptions extends CompressedShape {
  /** Factor of q . k. */
  scale: number
  /** Most keys that a token sees, itself included; 0: all. */
  window: number
  /** Rotary positions. Default: none. */
  rope?: Rope
  /** Whether the projections have biases: pieces `qkv.bias` and `output.bias`. */
  bias: boolean
  isIn: (layer: number) => boolean
}

/** Columns of the rows that a layer needs of earlier tokens; heads, halves of values and products are padded. */
function sizesOf({ heads, keyValueHeads, headSize, taps: [channelTaps, headTaps] }: CompressedShape) {
  const all = heads + keyValueHeads
  const half = padded((keyValueHeads * headSize) / 2)
  const projected = all * padded(headSize)
  /** A head's products with the present token, for it and for later ones. */
  const products = headTaps * padded(headSize)
  // The second half of the values is the one of the token before.
  const lateTaps = Math.max(headTaps, 2)
  const late = 2 * half + all * products
  const offset = convolutionStateFloats(projected, channelTaps)
  return {
    all,
    half,
    projected,
    products,
    lateTaps,
    late,
    offset,
    state: offset + convolutionStateFloats(late, lateTaps),
  }
}

/** Addresses of the biases of a layer's projection, 0 without, and of what waits. */
interface Biases {
  projected: number
  late: number
  areMade: boolean
}

export function compressedStateFloats(shape: CompressedShape): number {
  return sizesOf(shape).state
}

/**
 * Compressed convolutional attention. Queries and keys pass two causal convolutions, one by channels and one by heads,
 * and half of the values come from the token before. Pieces `qkv.weight` (heads of queries and keys, the halves of
 * the values), `conv.taps`, `conv.bias`, `conv.head.N` (a matrix for each token that it sees), `conv.heads.bias`,
 * `key_scale` and `output.weight`.
 *
 * The convolution by heads is a product for each head with the present token, whose results wait for the tokens that they
 * are for. The bias of the first convolution adds the same to every token, even before the text, and so it becomes a
 * constant of the layer.
 */
export class CompressedAttention {
  /** Output for the residual stream [T, d]. */
  readonly y: Rows
  private readonly sizes: ReturnType<typeof sizesOf>
  private readonly project: Linear
  private readonly mix: CausalConvolution
  private readonly multiply: Matmul
  private readonly table: number
  /** For each head the list of its rows. */
  private readonly lists: number[]
  private readonly products: Rows
  private readonly wait: CausalConvolution
  private readonly projected: Rows
  /** Filter that gives each product to its token. */
  private readonly waiting: number
  private readonly heads: CompressedHeads
  private readonly keys: Rows
  private readonly values: Rows
  private readonly turnQueries: HeadTransform
  private readonly turnKeys: HeadTransform
  private readonly attention: SoftmaxAttention
  private readonly output: Linear
  private readonly at: Record<
    'qkv' | 'bias' | 'taps' | 'mixBias' | 'headBias' | 'factors' | 'output' | 'outputBias',
    number
  >[]
  private readonly matrices: number[][]
  private readonly biases: Biases[]
  /** The state of an empty text. */
  private readonly zeros: number

  constructor(
    private readonly workspace: Workspace,
    private readonly options: CompressedOptions,
  ) {
    const { heads: H, keyValueHeads: K, headSize, taps, scale, window, rope, bias, isIn } = options
    const { a, bank, threads, formats, config, cacheFormat, maxTokens } = workspace
    const format = formats.attention
    const sizes = sizesOf(options)
    this.sizes = sizes
    const { all, half, products, lateTaps, late } = sizes
    // [T, .. | c | v | p], p on a multiple of a head's products, so that these are rows of their own.
    const first = roundUp(sizes.projected + 2 * half, products)
    const rows = workspace.rows(1, first + all * products)
    const perToken = rows.stride / products
    this.projected = rows.block(first - 2 * half - sizes.projected, sizes.projected + 2 * half)
    const c = this.projected.block(0, sizes.projected) //               [T, H + K, hd]
    const outputs = taps[1] === 1 ? headSize : products
    this.products = new Rows(bank, rows.address + first * 4, maxTokens * perToken, outputs, products) // [.., n, hd]
    const mixed = workspace.rows(all, headSize, { records: format !== 'f32' }) // [T, H + K, hd]
    const kept = workspace.rows(1, late) //                                     [T, 2 halves | H + K, n, hd]
    const q = workspace.rows(1, H * headSize)
    this.keys = workspace.rows(1, K * headSize)
    this.values = workspace.rows(1, K * headSize)
    const o = workspace.rows(1, H * headSize, { records: format !== 'f32' }) // [T, H, hd]
    this.y = workspace.rows(1, config.width)

    this.project = new Linear(workspace, { format, input: a, output: this.projected })
    const mixedRows = new Rows(bank, mixed.address, maxTokens, sizes.projected, sizes.projected)
    const form = 'plain'
    this.mix = new CausalConvolution(workspace, { form, input: c, output: mixedRows, parts: mixed, taps: taps[0] })
    this.multiply = new Matmul(bank, { format, input: mixed, output: this.products }, threads)
    this.table = allocateGroups(bank, all)
    this.lists = Array.from({ length: all }, (_, head) => {
      const list = allocateList(bank, maxTokens)
      for (let t = 0; t < maxTokens; t++) writeListEntry(bank, list, t, t * all + head, t * perToken + head)
      return list
    })
    const waits = { input: rows.block(first - 2 * half, late), output: kept, taps: lateTaps }
    this.wait = new CausalConvolution(workspace, { form, ...waits, stateOffset: sizes.offset * 4 })
    this.waiting = this.waitingFilter()
    const made = { queries: q, keys: this.keys, values: this.values }
    this.heads = new CompressedHeads(bank, { ...options, projected: c, late: kept, terms: taps[1], ...made }, threads)
    this.turnQueries = new HeadTransform(bank, { rows: q, headSize, rope }, threads)
    this.turnKeys = new HeadTransform(bank, { rows: this.keys, headSize, rope }, threads)
    const grouping = { heads: H, keyValueHeads: K, headSize, scale, window, format: cacheFormat }
    this.attention = new SoftmaxAttention(bank, { ...grouping, q, output: o }, threads)
    this.output = new Linear(workspace, { format, input: o, output: this.y })

    const pieces = {
      qkv: 'qkv.weight',
      bias: bias && 'qkv.bias',
      taps: 'conv.taps',
      mixBias: 'conv.bias',
      headBias: 'conv.heads.bias',
      factors: 'key_scale',
      output: 'output.weight',
      outputBias: bias && 'output.bias',
    }
    this.at = workspace.addresses(pieces, isIn)
    this.zeros = this.allocateZeros(sizes.state)
    this.biases = workspace.perLayer((layer) => ({
      projected: bias && isIn(layer) ? this.allocateZeros(this.projected.columns) : 0,
      late: isIn(layer) ? this.allocateZeros(late) : 0,
      areMade: false,
    }))
    this.matrices = workspace.perLayer((layer) =>
      isIn(layer) ? Array.from({ length: all }, (_, head) => workspace.at(layer, `conv.head.${head}`)) : [],
    )
  }

  begin({ segments }: BatchCache): void {
    this.options.rope?.begin(segments)
    this.attention.begin(segments)
  }

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.at[layer]
    const { projected, late } = this.biasesOf(layer)
    const states = cache.states(layer)
    this.project.run(T, at.qkv, projected) //           c [T, H + K, hd], v [T, 2, K hd / 2] = Wqkv a
    this.mix.run(states, T, at.taps) //                 b [T, H + K, hd] = filter(c), a tap for each channel
    this.multiplyHeads(layer, T) //                     p [T, H + K, n, hd] = W[head] b
    this.wait.run(states, T, this.waiting, late) //     p and the second half of v reach their tokens
    this.heads.run(T, at.factors) //                    q, k = norm(mean(c) + sum of p);  v
    this.turnQueries.run(T) //                          q = RoPE(q)
    this.turnKeys.run(T) //                             k = RoPE(k)
    cache.append(layer, this.keys, this.values) //      cache += k, v
    this.attention.run(cache.places) //                 o [T, H, hd] = softmax(scale . q k) v
    this.output.run(T, at.output, at.outputBias) //     y [T, d] = Wo o
  }

  private multiplyHeads(layer: number, tokens: number): void {
    const { multiply, matrices, lists, table, workspace } = this
    for (const [head, matrix] of matrices[layer].entries()) {
      writeGroup(workspace.bank, table, head, matrix, 0, lists[head], tokens)
    }
    multiply.run(table, lists.length, lists.length * tokens)
  }

  /** Tap i of n for the products of matrix i, the last one for the first half of the values, the one before for the other. */
  private waitingFilter(): number {
    const { all, half, products, late, lateTaps } = this.sizes
    const size = padded(this.options.headSize)
    const filter = this.allocateZeros(lateTaps * late)
    const ones = (tap: number, from: number, count: number) => {
      const first = filter / 4 + tap * late + from
      this.workspace.bank.f32.fill(1, first, first + count)
    }
    ones(lateTaps - 1, 0, half)
    ones(lateTaps - 2, half, half)
    const n = products / size
    for (let head = 0; head < all; head++) {
      for (let i = 0; i < n; i++) ones(lateTaps - n + i, 2 * half + head * products + i * size, size)
    }
    return filter
  }

  /** Biases of a layer, which it makes of its weights when it runs for the first time. */
  private biasesOf(layer: number): Biases {
    const biases = this.biases[layer]
    if (!biases.areMade) this.makeBiases(layer, biases)
    biases.areMade = true
    return biases
  }

  private makeBiases(layer: number, { projected: toProject, late: toWait }: Biases): void {
    const { all, half, projected, products } = this.sizes
    const { f32 } = this.workspace.bank
    const { bias, mixBias, headBias, taps } = this.at[layer]
    // The products of a token without projections: the first convolution's bias adds them to all others.
    this.projected.row(0).fill(0)
    this.mix.run([{ first: 0, count: 1, before: this.zeros, after: this.zeros, marks: [] }], 1, taps, mixBias)
    this.multiplyHeads(layer, 1)
    const size = padded(this.options.headSize)
    for (let head = 0; head < all; head++) {
      const terms = this.products.row(head)
      const last = toWait / 4 + 2 * half + (head + 1) * products - size
      for (let i = 0; i < this.options.headSize; i++) {
        f32[last + i] = f32[headBias / 4 + head * size + i]
        for (let term = i; term < terms.length; term += size) f32[last + i] += terms[term]
      }
    }
    if (bias === 0) return
    f32.set(f32.subarray(bias / 4, bias / 4 + projected), toProject / 4)
    // The values get their biases after the wait: the token before the first one counts as its biases alone.
    f32.set(f32.subarray(bias / 4 + projected, bias / 4 + projected + 2 * half), toWait / 4)
  }

  private allocateZeros(floats: number): number {
    const { bank } = this.workspace
    const address = bank.arena.allocate(floats * 4)
    bank.f32.fill(0, address / 4, address / 4 + floats)
    return address
  }
}
