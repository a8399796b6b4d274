import type { LayerPass } from '../../api/layer-pass.js'
import type { EngineCalls } from '../run/client.js'
import type { CalibrationRequest } from '../run/messages/calibration-request.js'
import { settled } from './generation/settled.js'

/** The caller's side of a pass: sends each step to the engine. */
export class EngineLayerPass implements LayerPass {
  constructor(private readonly engine: EngineCalls) {}

  begin(windows: readonly Int32Array[]): Promise<void> {
    return this.ask({ kind: 'calibrate', step: 'begin', windows })
  }

  layer(layer: number, { signal }: { signal?: AbortSignal } = {}): Promise<string[]> {
    return this.ask({ kind: 'calibrate', step: 'layer', layer }, signal)
  }

  head(): Promise<void> {
    return this.ask({ kind: 'calibrate', step: 'head' })
  }

  inputs(matrix: string, columns: number): Promise<Float32Array | undefined> {
    return this.ask({ kind: 'calibrate', step: 'inputs', matrix, columns })
  }

  end(): Promise<void> {
    return this.ask({ kind: 'calibrate', step: 'end' })
  }

  private async ask<T>(request: CalibrationRequest, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    return settled(this.engine.call<T>(request), signal)
  }
}
