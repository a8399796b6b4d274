/*
 * Control block: words through which the threads of one memory coordinate (addresses: src/kernels/abi/control.ts).
 *
 * It has a fixed address, so that every instance of the module (one per thread) finds it without static data.
 */
import { Address, SCRATCH_BYTES } from '../src/kernels/abi/control'

/** Number of the thread that this instance runs on; 0 is the leader. */
export let thread: u32 = 0

export function enter(number: u32): void {
  thread = number
}

/** Argument `i` of the job as an integer or address. */
export function arg(i: usize): u32 {
  return load<u32>(<usize>Address.args + (i << 2))
}

/** Argument `i` of the job as a float. */
export function argf(i: usize): f32 {
  return load<f32>(<usize>Address.args + (i << 2))
}

/** SCRATCH_BYTES that only this thread uses. */
export function scratch(): usize {
  return <usize>Address.scratch + thread * SCRATCH_BYTES
}
