import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { layoutOf, parseConfig } from '#molm/architectures/index.js'
import { bytesOf, type ElementType } from '#molm/checkpoint/dtype.js'
import { formatsFor, isMxfp4, type PartFormats, type Quant } from '#molm/packing/format/formats.js'
import { packedFileName } from '#molm/packing/format/packed-folder.js'
import { type PackRequest, packParts } from '#molm/packing/write/pack.js'
import { createPackedFile } from '#molm/packing/write/packed-file-writer.js'
import { sha256Hex } from '#molm/platform/checksums.js'
import { padded } from '#molm/runtime/memory/formats.js'
import { withFixture } from './checkpoints.js'
import { elementReader } from './element-values.js'
import { fixturePath } from './fixtures.js'
import { bankOf, matrixRequest, pack } from './kernel-bench.js'
import { mxfp4Request, mxfp4Values, toMxfp4 } from './mxfp4.js'

/**
 * Writes a packed model whose experts are those of a fixture, rounded to MXFP4. They are stored as MXFP4, or as floats
 * of the same values.
 */
export async function writeMxfp4Model(
  fixture: string,
  dir: string,
  quant: Quant,
  experts: 'mxfp4' | 'floats',
): Promise<PartFormats> {
  const formats = formatsFor(quant, experts)
  await mkdir(dir, { recursive: true })
  await copyFile(join(fixturePath(fixture), 'config.json'), join(dir, 'config.json'))
  await withFixture(fixture, async (_, { config: json, tensors }) => {
    const layout = layoutOf(parseConfig(json, fixture), formats)
    const files = { 'config.json': sha256Hex(await readFile(join(dir, 'config.json'))) }
    const metadata = { quant, formats, source: fixture, files }
    const file = await createPackedFile(join(dir, packedFileName(quant)), layout, metadata)
    const bank = bankOf('relaxed')
    const ofExperts = new Set(layout.parts.filter(({ expert }) => expert).map(({ name }) => name))
    let isExpert = false
    const rounding = async (request: PackRequest) => pack(bank, isExpert ? rounded(request) : request)
    const onRead = ({ name }: { name: string }) => {
      isExpert = ofExperts.has(name)
    }
    for await (const { part, bytes } of packParts(layout, tensors, rounding, { onRead })) await file.write(part, bytes)
    await file.finish()
  })
  return formats
}

/** The same request with weights rounded to MXFP4. */
function rounded(request: PackRequest): PackRequest {
  const { rows, cols, format } = request
  const weights = toMxfp4(floatsOf(request), rows, cols)
  if (isMxfp4(format)) return mxfp4Request(weights, rows, padded(cols), format)
  return matrixRequest(Float32Array.from(mxfp4Values(weights)), rows, padded(cols), format)
}

function floatsOf({ bytes, dtype, firstElement, rows, cols, rowStride, colStride }: PackRequest): Float32Array {
  const element = elementReader(dtype as ElementType, bytes)
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const index = firstElement + Math.floor(i / cols) * rowStride + (i % cols) * colStride
    return element(bytesOf(dtype, index))
  })
}
