import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Intervention, loadModel, type Model } from '#molm/index.js'
import { lensOf } from '#molm/insight/lens.js'
import { NANO } from '../cli/molm.js'
import { isNear } from '../support/compare.js'
import { FAMILY_CASES } from '../support/family-cases.js'
import { normalFloats } from '../support/random.js'
import { writeRandomCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/*
 * Layers may normalise or scale what their experts add, and scale the stream. The models here add nothing to the stream
 * but the experts of one layer and the dense or shared one beside them, so each number can be read from the stream.
 */

const test = suite('factors of what experts add')

const TOKENS = [7, 3, 11, 5, 2]
/** By cases of test/support: the first layer with experts. */
const LAYERS: Record<string, number> = {
  'afmoe: two shared experts, a dense layer, one layer without a window': 1,
  'cohere2_moe: RMSNorm, sigmoids, a dense layer with positions, two shared experts, BF16': 1,
  'flex_olmo: norms of what is added alone': 0,
  'gemma4_text: windows in all layers but the last, values of their own': 0,
  'granitemoe_swa: all factors, a shared expert, a tied head, BF16': 0,
  'laguna: heads by the layer, windows, YaRN, a factor, a cap, BF16': 1,
  'zaya: defaults': 0,
  'zaya: one layer, one expert, odd widths': 0,
}

function passed(model: Model, interventions: Intervention[]) {
  const all = Array.from({ length: model.config.layers }, (_, layer) => layer)
  const asked = { hidden: all, expertOutputs: all, sharedOutputs: all, routes: true, logits: 'none' } as const
  return model.createSession({ interventions }).forward(TOKENS, asked)
}

/** A run whose layers behind `layer` add nothing, seen at the last token. */
class Run {
  /** Sum of the outputs of the layer's experts, times their gates. */
  readonly routed: Float32Array
  readonly shared?: Float32Array
  /** Parts of this sum, one for each expert. */
  readonly rows: Float32Array[]

  private constructor(
    private readonly width: number,
    private readonly result: Awaited<ReturnType<typeof passed>>,
    layer: number,
  ) {
    const { ids = [], gates = new Float32Array(0) } = result.routes[layer].mlp ?? {}
    const k = ids.length / TOKENS.length
    const outputs = this.last(result.expertOutputs?.[layer].mlp, k)
    const own = gates.slice(-k)
    this.rows = Array.from(own, (gate, i) => outputs.slice(i * width, (i + 1) * width).map((value) => value * gate))
    this.routed = this.rows[0].map((_, c) => this.rows.reduce((sum, row) => sum + row[c], 0))
    const shared = result.sharedOutputs?.[layer]
    if (shared?.length) this.shared = this.last(shared)
  }

  static async of(model: Model, layer: number, replace?: Intervention['replace']): Promise<Run> {
    const { layers, width, mixtures } = model.config
    const all = Array.from({ length: layers }, (_, one) => one)
    const silent = all.filter((one) => one > layer && mixtures[0].experts[one] > 0)
    const interventions: Intervention[] = silent.map((one) => ({ layer: one, part: 'mlp', replace: 'zero' }))
    if (replace) interventions.push({ layer, part: 'mlp', replace })
    return new Run(width, await passed(model, interventions), layer)
  }

  streamAfter(layer: number): Float32Array {
    return this.last(this.result.hidden[layer])
  }

  private last(rows: Float32Array = new Float32Array(0), count = 1): Float32Array {
    return rows.slice(-count * this.width)
  }
}

const times = (row: Float32Array, factors: Float32Array) => row.map((value, i) => value * factors[i])
const minus = (row: Float32Array, other: Float32Array) => row.map((value, i) => value - other[i])
const dot = (row: Float32Array, other: Float32Array) => row.reduce((sum, value, i) => sum + value * other[i], 0)
const lengthOf = (row: Float32Array) => Math.sqrt(dot(row, row))

/** Calls `use` with the model of a case, whose attention and later shared experts add nothing. */
function withCase(name: string, layer: number, use: (model: Model) => Promise<void>): Promise<void> {
  return inTemporaryFolder(async (dir) => {
    const found = FAMILY_CASES.find((one) => one.name === name)
    assert.ok(found, name)
    const { keys, weights = {} } = found
    const isSilent = (key: string) =>
      /o_proj/.test(key) ||
      (/(shared.*|mlp\.)(down_proj|output_linear)/.test(key) && Number(/layers\.(\d+)/.exec(key)?.[1]) > layer)
    const gain = (key: string) => (isSilent(key) ? 0 : (weights.gain?.(key) ?? 1))
    await copyFile(join(NANO, 'tokenizer.json'), join(dir, 'tokenizer.json'))
    await writeRandomCheckpoint(dir, keys, 3, { ...weights, gain })
    const model = await loadModel(dir, { threads: 1, quant: 'f32' })
    try {
      await use(model)
    } finally {
      await model.dispose()
    }
  })
}

for (const [name, layer] of Object.entries(LAYERS)) {
  test(`${name}: the stream has the experts’ outputs times these`, () =>
    withCase(name, layer, async (model) => {
      const { layers, width } = model.config
      const noise = normalFloats(width, 5)
      const [none, ...runs] = [
        await Run.of(model, layer, 'zero'),
        await Run.of(model, layer),
        await Run.of(model, layer, noise),
      ]
      const sums = [none, ...runs].map(({ routed, shared }) => ({ layer, routed, ...(shared && { shared }) }))
      const [before, ...factors] = await model.outputFactors(sums)
      for (const [place, at] of [
        ['after', layer],
        ['last', layers - 1],
      ] as const) {
        const rests = runs.map((run, i) => {
          const added = minus(run.streamAfter(at), none.streamAfter(at))
          assert.ok(lengthOf(added) > 0, 'the experts add something')
          const rest = minus(added, times(run.routed, factors[i][place]))
          // One sum has the shared expert, too.
          const isOneSum = run.shared && !name.startsWith('gemma')
          const change = isOneSum && times(run.shared, minus(factors[i][place], before[place]))
          return (change ? minus(rest, change) : rest).map((value) => value / lengthOf(added))
        })
        if (!name.startsWith('gemma')) for (const rest of rests) isNear(rest, new Float32Array(width), 3e-5, place)
        else {
          // A norm of both divides the dense layer by another length, and only that changes.
          const [one, other] = rests
          const cosine = dot(one, other) / lengthOf(one) / lengthOf(other)
          assert.ok(Math.abs(cosine) > 0.999999, `${place}: ${cosine}`)
        }
      }
    }))
}

test('the lens has shares of the stream, and effects that add up to the layer’s', () => {
  const [name, layer] = Object.entries(LAYERS)[0]
  return withCase(name, layer, async (model) => {
    const { vocabSize: V, layers } = model.config
    const run = await Run.of(model, layer)
    const { routed, shared, rows } = run
    const [{ after, last }] = await model.outputFactors([{ layer, routed, shared }])
    const { experts } = await lensOf(model, TOKENS, { top: V })
    const own = experts.filter((expert) => expert.layer === layer)
    const stream = run.streamAfter(layer)
    isNear(
      own.map(({ share }) => share),
      rows.map((row) => lengthOf(times(row, after)) / lengthOf(stream)),
      1e-6,
    )
    const { hidden } = await model.createSession().forward(TOKENS, { hidden: [layers - 1] })
    const [sum, { divisor }] = await model.readOut([times(routed, last), hidden[0].slice(-stream.length)], { top: V })
    const effects = new Float64Array(V)
    for (const { up } of own) for (const { token, value } of up) effects[token] += value * divisor
    isNear(
      sum.up.map(({ value }) => value),
      sum.up.map(({ token }) => effects[token]),
      1e-4,
    )
  })
})

test.run()
