import { GatedRows } from '../../../kernels/calls/gated-rows.js'
import { allocateGroups, allocateList, writeGroup, writeListEntry } from '../../../kernels/calls/groups.js'
import { HeadTransform } from '../../../kernels/calls/head-transform.js'
import { Matmul, type MatmulShape } from '../../../kernels/calls/matmul.js'
import { Norm } from '../../../kernels/calls/norm.js'
import { SoftmaxAttention } from '../../../kernels/calls/softmax-attention.js'
import { takesFloats } from '../../../kernels/memory/formats.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { BatchCache } from '../batch-cache.js'
import { Linear } from '../linear.js'
import type { Workspace } from '../workspace.js'
import type { Rope } from './rope.js'

export interface LatentShape {
  /** H, heads of queries. */
  heads: number
  /** r, channels of a token's latent. Keys and values are products of it. */
  rank: number
  /** n, channels of a head's queries and keys without a position. */
  plain: number
  /** c, channels with a position, which follow these. All heads share their keys. */
  turned: number
  /** v, channels of a head's values. */
  valueSize: number
  /** Channels of the queries' own latent; 0 if one matrix projects them. */
  queryRank: number
  /** Whether the input decides gates of the outputs, one for each head or for each channel: piece `latent.gates`. */
  gate?: 'head' | 'channel'
}

export interface LatentOptions extends LatentShape {
  /** Factor of q . k. */
  scale: number
  /** Rotary positions. Default: none. */
  rope?: Rope
  /** Whether the first projections and the output have biases: pieces `q.down.bias`, `latent.bias`, `output.bias`. */
  bias: boolean
  /** Whether a layer has this attention. Default: all. */
  isIn?: (layer: number) => boolean
}

/** Added to the mean square of a latent, whatever the model's other norms add. */
const LATENT_EPSILON = 1e-6

/** Address of the first head of the first token, and bytes to the next head and to the next token. */
interface HeadPlaces {
  first: number
  head: number
  token: number
}

/**
 * Multi-head latent attention, whose cache has one latent and one key with a position for all heads. Instead of
 * rebuilding the keys K l and values V l of each head, it multiplies the queries with K before they meet the latents,
 * and the weighted sum of the latents with V. Pieces `q.weight` (with `q.down.weight` and `q.down.norm` before it),
 * `latent.weight`, `latent.norm`, `latent.keys.HEAD`, `latent.values.HEAD`, `output.weight`.
 */
export class LatentAttention {
  /** Output for the residual stream [T, d]. */
  readonly y: Rows
  private readonly down?: { project: Linear; norm: Norm }
  private readonly project: Linear
  private readonly projectLatent: Linear
  private readonly latents: Rows
  private readonly normLatent: HeadTransform
  private readonly turnQueries: HeadTransform
  private readonly turnKey: HeadTransform
  private readonly takePlain: (tokens: number) => void
  private readonly takeTurned: (tokens: number) => void
  private readonly join: (tokens: number) => void
  /** Writes records of rows, if the products read them. */
  private readonly plainRecords?: GatedRows
  private readonly joinedRecords?: GatedRows
  private readonly projectGates?: Linear
  private readonly spreadGates?: (tokens: number) => void
  private readonly keys: HeadProducts
  private readonly values: HeadProducts
  private readonly attention: SoftmaxAttention
  private readonly output: Linear
  private readonly at: Record<
    'down' | 'downBias' | 'downNorm' | 'q' | 'latent' | 'latentBias' | 'latentNorm' | 'gates' | 'output' | 'outputBias',
    number
  >[]

  constructor(
    workspace: Workspace,
    private readonly options: LatentOptions,
  ) {
    const { heads: H, rank: r, plain: n, turned: c, valueSize: v, queryRank, scale, rope, bias, gate, isIn } = options
    const { a, bank, threads, formats, config, cacheFormat } = workspace
    const format = formats.attention
    const records = !takesFloats(format)
    const queries = workspace.rows(1, H * (n + c)) //                 [T, H, p | t]
    const plain = zeros(workspace.rows(H, n, { records })) //         [T, H, n]
    const q = workspace.rows(H, r + c) //                             [T, H, r + c]
    const turned = q.block(r, c)
    const o = workspace.rows(H, r, { records }) //                    [T, H, r]
    const values = workspace.rows(H, v) //                            [T, H, v]
    const joined = zeros(workspace.rows(1, H * v, { records })) //    [T, H v]
    this.latents = workspace.rows(1, r + c) //                        [T, l | k]
    this.y = workspace.rows(1, config.width)

    let input = a
    if (queryRank > 0) {
      const low = workspace.rows(1, queryRank)
      input = workspace.rows(1, queryRank, { records })
      const norm = new Norm(bank, { kind: 'rms', epsilon: LATENT_EPSILON, x: low, output: input }, threads)
      this.down = { project: new Linear(workspace, { format, input: a, output: low }), norm }
    }
    this.project = new Linear(workspace, { format, input, output: queries })
    this.projectLatent = new Linear(workspace, { format, input: a, output: this.latents })
    const norm = { span: 'row', epsilon: LATENT_EPSILON } as const
    this.normLatent = new HeadTransform(bank, { rows: this.latents.block(0, r), headSize: r, norm }, threads)
    this.turnQueries = new HeadTransform(bank, { rows: turned, headSize: c, perToken: H, rope }, threads)
    this.turnKey = new HeadTransform(bank, { rows: this.latents.block(r, c), headSize: c, rope }, threads)

    const inToken = ({ address, strideBytes }: Rows, size: number, from = 0): HeadPlaces => {
      return { first: address + 4 * from, head: 4 * size, token: strideBytes }
    }
    const alone = ({ address, strideBytes }: Rows): HeadPlaces => {
      return { first: address, head: strideBytes, token: H * strideBytes }
    }
    const copy = (from: HeadPlaces, to: HeadPlaces, size: number) => (tokens: number) => {
      for (let h = 0; h < H; h++) {
        const [source, target] = [from.first + h * from.head, to.first + h * to.head]
        bank.kernels.copyRows(source, from.token, target, to.token, 4 * size, tokens)
      }
    }
    this.takePlain = copy(inToken(queries, n + c), alone(plain), n)
    this.takeTurned = copy(inToken(queries, n + c, n), alone(turned), c)
    this.join = copy(alone(values), inToken(joined, v), v)
    if (records) this.plainRecords = new GatedRows(bank, { rows: plain }, threads)
    const gates = gate && workspace.rows(1, H * v) //                 [T, H v]
    if (records || gates) this.joinedRecords = new GatedRows(bank, { rows: joined, gates }, threads)
    if (gates) {
      const output = gate === 'head' ? workspace.rows(1, H) : gates
      this.projectGates = new Linear(workspace, { format, input: a, output })
      if (gate === 'head') this.spreadGates = (tokens) => spread(output, gates, v, tokens)
    }
    this.keys = new HeadProducts(workspace, H, 'latent.keys', { format, input: plain, output: q.block(0, r) }, isIn)
    this.values = new HeadProducts(workspace, H, 'latent.values', { format, input: o, output: values }, isIn)
    const grouping = { heads: 1, keyValueHeads: 1, headSize: r + c, valueSize: r, perToken: H }
    this.attention = new SoftmaxAttention(bank, { ...grouping, q, output: o, scale, format: cacheFormat }, threads)
    this.output = new Linear(workspace, { format, input: joined, output: this.y })

    const isLow = queryRank > 0
    this.at = workspace.addresses(
      {
        down: isLow && 'q.down.weight',
        downBias: isLow && bias && 'q.down.bias',
        downNorm: isLow && 'q.down.norm',
        q: 'q.weight',
        latent: 'latent.weight',
        latentBias: bias && 'latent.bias',
        latentNorm: 'latent.norm',
        gates: gate && 'latent.gates',
        output: 'output.weight',
        outputBias: bias && 'output.bias',
      },
      isIn,
    )
  }

  begin({ segments }: BatchCache): void {
    this.options.rope?.begin(segments)
    this.attention.begin(segments)
  }

  run(layer: number, T: number, cache: BatchCache): void {
    const at = this.at[layer]
    const { heads: H, rope } = this.options
    this.down?.project.run(T, at.down, at.downBias) //      u [T, qr] = Wa a
    this.down?.norm.run(T, at.downNorm) //                  u = RMSNorm(u)
    this.project.run(T, at.q) //                            p | t [T, H, n + c] = Wq a, or Wq u
    this.takePlain(T)
    this.plainRecords?.run(T * H)
    this.keys.run(layer, T) //                              q [T, H, r] = K[head] p
    this.takeTurned(T) //                                   q [T, H, r + c] = q | t
    if (rope) this.turnQueries.run(T) //                    t = RoPE(t)
    this.projectLatent.run(T, at.latent, at.latentBias) //  l | k [T, r + c] = Wl a
    this.normLatent.run(T, at.latentNorm) //                l = RMSNorm(l)
    if (rope) this.turnKey.run(T) //                        k = RoPE(k)
    cache.append(layer, this.latents, this.latents) //      cache += l | k
    this.attention.run(cache.places) //                     o [T, H, r] = softmax(scale . q (l | k)) l
    this.values.run(layer, T) //                            v [T, H, v] = V[head] o
    this.join(T)
    this.projectGates?.run(T, at.gates)
    this.spreadGates?.(T)
    this.joinedRecords?.run(T) //                           v = v sigmoid(Wg a)
    this.output.run(T, at.output, at.outputBias) //         y [T, d] = Wo v
  }
}

/** A product with a matrix of each head, piece `PREFIX.HEAD`: rows [T, H] in, rows [T, H] out. */
class HeadProducts {
  private readonly matmul: Matmul
  private readonly table: number
  /** For each head the list of its rows. */
  private readonly lists: number[]
  private readonly matrices: number[][]

  constructor(
    private readonly workspace: Workspace,
    heads: number,
    prefix: string,
    shape: MatmulShape,
    isIn: (layer: number) => boolean = () => true,
  ) {
    const { bank, threads, maxTokens } = workspace
    this.matmul = new Matmul(bank, shape, threads)
    this.table = allocateGroups(bank, heads)
    this.lists = Array.from({ length: heads }, (_, head) => {
      const list = allocateList(bank, maxTokens)
      for (let t = 0; t < maxTokens; t++) writeListEntry(bank, list, t, t * heads + head, t * heads + head)
      return list
    })
    this.matrices = workspace.perLayer((layer) =>
      isIn(layer) ? this.lists.map((_, head) => workspace.at(layer, `${prefix}.${head}`)) : [],
    )
  }

  run(layer: number, T: number): void {
    const { workspace, table, lists, matmul } = this
    for (const [head, matrix] of this.matrices[layer].entries()) {
      writeGroup(workspace.bank, table, head, matrix, 0, lists[head], T)
    }
    matmul.run(table, lists.length, lists.length * T)
  }
}

/** Writes the number of each head for each of its channels. */
function spread(numbers: Rows, to: Rows, channels: number, tokens: number): void {
  for (let t = 0; t < tokens; t++) {
    const row = to.row(t)
    for (const [head, number] of numbers.row(t).entries()) row.fill(number, head * channels, (head + 1) * channels)
  }
}

/** Rows whose padding is zero, since only their columns are written. */
function zeros(rows: Rows): Rows {
  const { bank, address, count, stride } = rows
  bank.f32.fill(0, address / 4, address / 4 + count * stride)
  return rows
}
