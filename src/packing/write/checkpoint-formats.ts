import { formatsFor, type PartFormats, type Quant } from '../format/formats.js'
import type { Blueprint } from '../format/layout.js'

/** Ends of the names of the two tensors of MXFP4 weights. */
const MXFP4_TENSOR = /_(blocks|scales)$/

/**
 * Formats of a packing of a checkpoint with these tensors. Experts that are stored as MXFP4 stay so; the names of the
 * tensors decide, because fine-tunes with float weights have the same config.json.
 */
export function checkpointFormats(
  { readsMxfp4 }: Pick<Blueprint, 'readsMxfp4'>,
  quant: Quant,
  tensors: Iterable<string>,
): PartFormats {
  const isMxfp4 = readsMxfp4 && [...tensors].some((name) => MXFP4_TENSOR.test(name))
  return formatsFor(quant, isMxfp4 ? 'mxfp4' : 'floats')
}
