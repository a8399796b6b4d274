import { Embedding } from '../../kernels/calls/embedding.js'
import type { Pool } from '../../kernels/threads/pool.js'
import type { ModelConfig } from '../../model/config/config.js'
import type { PartFormats } from '../../model/packing/format/formats.js'
import type { Layout } from '../../model/packing/format/layout.js'
import type { WeightStore } from '../../model/weights/weight-store.js'
import { type HeadLoss, LanguageHead } from './layers/language-head.js'
import {
  type PassState,
  type TrainingBlocks,
  type TrainingScope,
  TrainingWorkspace,
} from './layers/training-workspace.js'
import type { MicroBatch } from './micro-batches.js'

/** Model whose experts are trained. */
export interface TrainedModel {
  config: ModelConfig
  formats: PartFormats
  layout: Layout
  store: WeightStore
  pool: Pool
  /** Binds the blocks of a bank to its workspace. */
  build(workspace: TrainingWorkspace): TrainingBlocks
}

/** Called before every block; throws to stop the work. */
export type CheckStop = () => void

/**
 * Layers of a model in training, bank by bank: forward and backward passes over a micro-batch. They keep states of the
 * residual stream from the lowest trained layer on; the backward pass computes the rest of a block again.
 */
export class TrainingNetwork {
  private readonly workspaces: TrainingWorkspace[] = []
  private readonly blocks: TrainingBlocks[] = []
  private embedding!: Embedding
  /** Address of the token ids. */
  private ids = 0
  private head!: LanguageHead

  constructor(
    private readonly model: TrainedModel,
    private readonly maxTokens: number,
  ) {}

  /** Allocates the layers of the next bank. */
  addBank(scope: TrainingScope): void {
    const { config, store, formats, pool, build } = this.model
    const { maxTokens } = this
    const index = this.workspaces.length
    const bank = store.banks[index]
    const workspace = new TrainingWorkspace(bank, index, store, config, formats, maxTokens, pool.threads, scope)
    this.workspaces.push(workspace)
    this.blocks.push(build(workspace))
    if (index === 0) {
      this.ids = bank.arena.allocate(maxTokens * 4)
      this.embedding = new Embedding(bank, formats.embedding, this.ids, workspace.x, config.embeddingScale)
    }
    if (index === store.banks.length - 1) {
      this.head = new LanguageHead(workspace, config, store.address('lm_head', 'weight'))
    }
  }

  loss(micro: MicroBatch, state: PassState, check: CheckStop): HeadLoss {
    this.forward(micro, state, false, check)
    return this.head.loss(micro.predictions)
  }

  /** Sums the losses and adds the gradients of the sums times `weight` to the gradients of the trained experts. */
  lossAndGradients(micro: MicroBatch, state: PassState, weight: number, check: CheckStop): HeadLoss {
    this.forward(micro, state, true, check)
    return this.backward(micro, weight, check)
  }

  /** Runs a forward pass, after one of the original model if the micro-batch has distilled predictions. */
  private forward(micro: MicroBatch, state: PassState, keeps: boolean, check: CheckStop): void {
    if (micro.isDistilled) {
      this.runBlocks(micro, { ...state, runsOriginal: true }, false, check)
      this.head.keepOriginal(micro.tokens.length)
    }
    this.runBlocks(micro, state, keeps, check)
  }

  private runBlocks(micro: MicroBatch, state: PassState, keeps: boolean, check: CheckStop): void {
    const { config, store } = this.model
    const { tokens } = micro
    const T = tokens.length
    for (const workspace of this.workspaces) workspace.begin(micro, state)
    let at = this.enter(store.bankOf(0))
    at.bank.u32.set(tokens, this.ids / 4)
    this.embedding.run(store.address('embedding', 'table'), T) //    x [T, d] = embedding[tokens]
    for (let l = 0; l < config.layers; l++) {
      check()
      const bank = store.bankOf(l)
      if (bank !== at.index) at = move('x', at, this.enter(bank), T)
      this.blocks[bank].forward(l, T, keeps && l >= at.lowest) //    x += attention(x);  x += mixture(x)
    }
    this.blocks[at.index].finalNorm(T) //                            a [T, d] = Norm(x)
  }

  /** Runs the head and then the blocks backward; returns the sums of the losses. */
  private backward({ tokens, predictions }: MicroBatch, weight: number, check: CheckStop): HeadLoss {
    const { config, store } = this.model
    const T = tokens.length
    let at = this.workspaces[store.banks.length - 1]
    const loss = this.head.lossAndGradient(predictions, T, weight) // da = head^T (softmax - onehot)
    at.bank.f32.fill(0, at.dx.address / 4, at.dx.address / 4 + T * at.dx.stride)
    this.blocks[at.index].finalNormBackward(T) //                    dx = Norm back of da
    for (let l = config.layers - 1; l >= at.lowest; l--) {
      check()
      const bank = store.bankOf(l)
      if (bank !== at.index) at = move('dx', at, this.enter(bank), T)
      this.blocks[bank].backward(l, T) //                            dx of the block's input;  its gradients
    }
    return loss
  }

  private enter(bank: number): TrainingWorkspace {
    this.model.pool.enter(bank)
    return this.workspaces[bank]
  }
}

/** Copies rows of the residual stream, or their gradients, to another bank. */
function move(rows: 'x' | 'dx', from: TrainingWorkspace, to: TrainingWorkspace, tokens: number): TrainingWorkspace {
  const source = from[rows]
  const bytes = tokens * source.strideBytes
  to.bank.u8.set(from.bank.u8.subarray(source.address, source.address + bytes), to[rows].address)
  return to
}
