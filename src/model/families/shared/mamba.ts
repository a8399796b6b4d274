import { exp } from '../../../ground/elementary.js'
import { type Mamba2Shape, mamba2Channels } from '../../layers/mixers/mamba2.js'
import type { PartFormats } from '../../packing/format/formats.js'
import {
  changed,
  entriesOf,
  matrix,
  type PlannedPiece,
  rowsOf,
  tapOf,
  vector,
  whole,
} from '../../packing/format/pieces.js'

/* Layers with Mamba-2, which several families have beside attention. */

interface MambaConfig {
  width: number
  mamba: Mamba2Shape
}

export function describeMamba(mamba: Mamba2Shape, count: number, layers: number): string[] {
  return [
    `Mamba-2 in ${count} of ${layers} layers: ${mamba.heads} heads of ${mamba.headSize} channels`,
    `${mamba.stateSize} entries of a key`,
    ...(mamba.groups > 1 ? [`${mamba.groups} groups`] : []),
  ]
}

/**
 * Pieces of a Mamba-2 layer, whose tensors' names begin with `prefix`. The rows of the first projection are z, the
 * convolution's inputs, and the steps.
 */
export function mambaPieces(
  { width: d, mamba: shape }: MambaConfig,
  formats: PartFormats,
  prefix: string,
): PlannedPiece[] {
  const { heads, headSize, taps, convolutionBias, projectionBias } = shape
  const [inner, channels] = [heads * headSize, mamba2Channels(shape)]
  const rows = inner + channels + heads
  const key = (name: string) => `${prefix}.${name}`
  const weight = whole(key('in_proj.weight'), [rows, d])
  const bias = whole(key('in_proj.bias'), [rows])
  const filter = Array.from({ length: taps }, (_, tap) => tapOf(key('conv1d.weight'), [channels, 1, taps], tap))
  const ofHeads = (name: string) => whole(key(name), [heads])
  return [
    matrix('mamba.in.weight', formats.attention, [rowsOf(weight, 0, inner), rowsOf(weight, inner, rows - heads)]),
    matrix('mamba.steps.weight', 'f32', rowsOf(weight, rows - heads, rows)),
    ...(projectionBias
      ? [
          vector('mamba.in.bias', [entriesOf(bias, 0, inner), entriesOf(bias, inner, rows - heads)]),
          vector('mamba.steps.bias', entriesOf(bias, rows - heads, rows)),
          vector('mamba.output.bias', whole(key('out_proj.bias'), [d])),
        ]
      : []),
    vector('mamba.taps', filter),
    ...(convolutionBias ? [vector('mamba.conv.bias', whole(key('conv1d.bias'), [channels]))] : []),
    ...['dt_bias', 'D'].map((name) => vector(`mamba.${name}`, ofHeads(name))),
    vector(
      'mamba.rates',
      changed(ofHeads('A_log'), (log) => -exp(log)),
    ),
    vector('mamba.norm.weight', whole(key('norm.weight'), [inner])),
    matrix('mamba.output.weight', formats.attention, whole(key('out_proj.weight'), [d, inner])),
  ]
}
