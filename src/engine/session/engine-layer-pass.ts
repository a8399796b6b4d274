import type { LayerPass } from '../../api/layer-pass.js'
import type { EngineCalls } from '../run/client.js'
import type { CalibrationStep } from '../run/messages/calibration-request.js'
import { settled } from './generation/settled.js'

/** The caller's side of a pass: sends each step to the engine. */
export class EngineLayerPass implements LayerPass {
  readonly begin: LayerPass['begin'] = (windows) => this.ask({ step: 'begin', windows })
  readonly layer: LayerPass['layer'] = (layer, { signal } = {}) => this.ask({ step: 'layer', layer }, signal)
  readonly head: LayerPass['head'] = () => this.ask({ step: 'head' })
  readonly inputs: LayerPass['inputs'] = (matrix, columns) => this.ask({ step: 'inputs', matrix, columns })
  readonly end: LayerPass['end'] = () => this.ask({ step: 'end' })

  constructor(private readonly engine: EngineCalls) {}

  private async ask<T>(step: CalibrationStep, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    return settled(this.engine.call<T>({ kind: 'calibrate', ...step }), signal)
  }
}
