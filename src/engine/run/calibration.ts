import type { SequenceCache } from '../../model/layers/cache/sequence-cache.js'
import type { LoadedModel } from './load.js'
import type { CalibrationRequest } from './messages/calibration-request.js'
import { Stopped, type Task } from './reading/demand.js'
import { LayerInputs } from './recording/layer-inputs.js'

/** A pass over windows of a text, layer by layer. */
export class Calibration {
  /** All rows of each window that enter the next layer, the residual stream first. */
  private rows: Float32Array[][] = []
  private inputs?: LayerInputs
  /** Normalised rows that enter the head. */
  private headInputs?: Float32Array[]
  private cache?: SequenceCache

  constructor(private readonly loaded: LoadedModel) {}

  /** Runs a step of the pass. Gives way to other work after each window. */
  *task(request: CalibrationRequest, stop: Int32Array): Task {
    const { model } = this.loaded
    switch (request.step) {
      case 'begin':
        this.end()
        this.cache = model.createCache()
        this.rows = request.windows.map((window) => model.embed(window))
        return undefined
      case 'layer':
        return yield* this.runLayer(request.layer, stop)
      case 'head':
        this.inputs = undefined
        this.headInputs = this.rows.map(([x]) => model.runFinalNorm(x))
        return undefined
      case 'inputs':
        return this.inputsOf(request.matrix, request.columns)
      case 'end':
        return this.end()
    }
  }

  /** Returns the names of the matrices that had inputs. */
  private *runLayer(layer: number, stop: Int32Array): Task<string[]> {
    const { model, store, layout } = this.loaded
    const { cache, rows } = this
    if (!cache) throw new Error('no text has been given')
    const inputs = new LayerInputs(store.banks[store.bankOf(layer)], store, layout, layer)
    this.inputs = inputs
    for (const passing of rows) {
      if (Atomics.load(stop, 0) !== 0) throw new Stopped('stopped')
      inputs.during(() => model.runBlock(layer, passing, cache))
      yield undefined
    }
    return inputs.names
  }

  private inputsOf(matrix: string, columns: number): Float32Array | undefined {
    if (!this.headInputs) return this.inputs?.of(matrix, columns)
    const { stride } = this.loaded.model.residual
    const counts = this.headInputs.map(({ length }) => length / stride)
    const rows = new Float32Array(new SharedArrayBuffer(counts.reduce((sum, count) => sum + count, 0) * columns * 4))
    let at = 0
    for (const [i, values] of this.headInputs.entries()) {
      for (let row = 0; row < counts[i]; row++, at += columns) {
        rows.set(values.subarray(row * stride, row * stride + columns), at)
      }
    }
    return rows
  }

  private end(): void {
    this.cache?.release()
    this.cache = undefined
    this.rows = []
    this.inputs = undefined
    this.headInputs = undefined
  }
}
