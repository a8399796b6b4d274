import v8 from 'node:v8'

/** V8's major version: an unknown flag makes V8 complain on stderr, so the version is asked first. */
const major = Number.parseInt(process.versions.v8, 10)

let done = false
let fusing = major >= 13

/** Whether this V8 fuses neighbouring 128-bit operations into 256-bit ones (Node 24 and newer). */
export function fusesVectors(): boolean {
  return fusing
}

/** Turns that off for modules that are compiled from now on. */
export function stopFusing(): void {
  fusing = false
  v8.setFlagsFromString('--no-experimental-wasm-revectorize')
}

/**
 * Sets V8's flags for the kernels. Must run before the first WebAssembly module of the process is compiled; later it
 * has no effect on what is compiled already. Calling it again does nothing.
 *
 * - V8 before 11.4 (Node 20) has relaxed SIMD behind a flag, and its baseline compiler gets the relaxed dot wrong.
 * - The baseline compiler is left out everywhere: a decode step is over before V8 would have replaced its code, and a
 *   helper thread that never leaves its loop would keep the slow code for ever.
 * - From V8 13 (Node 24), neighbouring 128-bit operations can be fused into 256-bit ones.
 */
export function prepareV8(): void {
  if (done) return
  done = true
  v8.setFlagsFromString('--no-liftoff')
  if (major < 12) v8.setFlagsFromString('--experimental-wasm-relaxed-simd')
  if (fusing) v8.setFlagsFromString('--experimental-wasm-revectorize')
}
