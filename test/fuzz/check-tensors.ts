import { elementCount, type Tensor } from '#molm/model/checkpoint/tensor.js'
import { readFloats } from '../support/read-floats.js'
import { expect } from './format.js'

/** Maximum number of elements to read: with a stride of 0, a single element can appear any number of times. */
const MOST_READ = 2 ** 16

/** Reads the tensors that a weights file claims to hold. A source in memory fails if a tensor extends beyond it. */
export async function checkTensors(tensors: Iterable<Tensor>): Promise<void> {
  for (const tensor of tensors) {
    const { name, shape, strides, source, offset } = tensor
    const isRight = [...shape, ...strides, offset].every((n) => Number.isSafeInteger(n) && n >= 0)
    expect(isRight && shape.length === strides.length, `${name} has the shape ${shape} and strides ${strides}`)
    const count = elementCount(shape)
    if (count === 0) continue
    expect(offset < source.size, `${name} begins at ${offset} of ${source.size}`)
    if (count > MOST_READ) continue
    const values = await readFloats(tensor)
    expect(values.length === count, `${name} gives ${values.length} numbers for the shape ${shape}`)
  }
}
