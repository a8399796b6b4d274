/*
 * Copying within one memory. The host's own copies are slow here: on shared memory V8 copies element by element.
 */

/** Copies `count` rows of `bytes` bytes, `stride` bytes apart in the source and one after the other in the target. */
export function copyRows(source: usize, stride: usize, target: usize, bytes: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    memory.copy(target, source, bytes)
    source += stride
    target += bytes
  }
}
