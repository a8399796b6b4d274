import { type ModelConfig, outputsOf, type PerMixture, perMixture } from '../../../model/config/config.js'
import type { TokenLogits } from '../../../model/layers/decoder.js'
import { logSumExp } from '../../sampling/logprobs.js'
import { argmax } from '../../sampling/sample.js'
import type { ForwardReply, ForwardRequest } from '../messages/protocol.js'
import { RouteRecorder } from '../messages/route-codec.js'
import type { Demand } from '../reading/demand.js'
import { InfluenceRecorder } from './influence-recorder.js'
import { roomFor, StateRecorder } from './state-recorder.js'

/** Builds the reply to a `forward` request while its tokens run. */
export class ForwardRecorder {
  /** Complete when all tokens have been run. */
  readonly reply: ForwardReply
  readonly taps: Demand['taps']
  private readonly outputs: number
  /** Index of the first token whose logits are wanted, and of the first that has a target. */
  private readonly firstRow: number
  private readonly firstTarget: number
  private readonly targets: Int32Array
  private readonly routes?: RouteRecorder
  private readonly states: StateRecorder

  constructor(request: ForwardRequest, config: ModelConfig) {
    const { tokens, logits, targets } = request
    this.targets = targets ?? new Int32Array(0)
    this.outputs = outputsOf(config)
    this.firstRow = logits === 'all' ? 0 : tokens.length - (logits === 'last' ? 1 : 0)
    this.firstTarget = tokens.length - this.targets.length
    this.routes = request.routes ? new RouteRecorder(config, tokens.length, request) : undefined
    const emptySum = (experts: number) => new Float64Array(experts > 0 ? config.width : 0)
    const emptySums = () => perMixture(config.mixtures, ({ experts }) => experts.map(emptySum))
    const sums = request.outputSums ? emptySums() : undefined
    const influence = request.influence ? new InfluenceRecorder(config) : undefined
    const states = new StateRecorder(config, request)
    this.states = states
    this.taps = {
      ...this.routes?.taps,
      routes: calling(this.routes?.taps.routes, influence?.routes),
      outputs: calling(calling(sums && adding(sums), influence?.outputs), states.outputs),
      inner: influence?.inner,
      routerLogits: states.logits,
      shared: states.shared,
      residual: calling(influence?.residual, states.residual),
    }
    this.reply = {
      logits: roomFor(tokens.length - this.firstRow, this.outputs, 'logits'),
      logprobs: targets && new Float64Array(targets.length),
      norms: targets && new Float64Array(targets.length),
      likeliest: targets && new Int32Array(targets.length),
      routes: this.routes?.packed,
      outputSums: sums,
      influence: influence?.sums,
      hidden: states.hidden,
      expertOutputs: states.expertOutputs,
      routerLogits: states.routerLogits,
      sharedOutputs: states.sharedOutputs,
    }
  }

  get logitsFrom(): number {
    return Math.min(this.firstRow, this.firstTarget)
  }

  take(token: number, { values, summary }: TokenLogits): void {
    const { reply, targets, firstRow, firstTarget } = this
    if (token >= firstRow) reply.logits.set(values, (token - firstRow) * this.outputs)
    const i = token - firstTarget
    if (!reply.logprobs || !reply.norms || !reply.likeliest || i < 0) return
    const known = summary()
    reply.norms[i] = known?.logSumExp ?? logSumExp(values)
    reply.likeliest[i] = known?.argmax ?? argmax(values)
    reply.logprobs[i] = values[targets[i]] - reply.norms[i]
  }

  after(done: number): void {
    this.routes?.at(done)
    this.states.at(done)
  }
}

/** Adds outputs token by token, so that the sums do not depend on the micro-batches. */
function adding(sums: PerMixture<Float64Array[]>): NonNullable<Demand['taps']['outputs']> {
  return (layer, kind, items, row) => {
    const sum = sums[kind]?.[layer] ?? []
    for (let item = 0; item < items; item++) {
      const y = row(item)
      for (let i = 0; i < y.length; i++) sum[i] += y[i]
    }
  }
}

function calling<Args extends unknown[]>(
  first?: (...args: Args) => void,
  second?: (...args: Args) => void,
): ((...args: Args) => void) | undefined {
  if (!first || !second) return first ?? second
  return (...args) => {
    first(...args)
    second(...args)
  }
}
