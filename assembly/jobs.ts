/*
 * The kinds of jobs that the threads share out among themselves. Each kernel takes the number of a chunk, or a run of
 * them, and finds its arguments in the control block.
 */
import { attention } from './attention'
import { embedding } from './embedding'
import { matmul } from './matmul'
import { norm } from './norm'
import { pack } from './pack'
import { stream } from './stream'
import { summary } from './summary'

export const MATMUL: i32 = 1
export const NORM: i32 = 2
export const ATTENTION: i32 = 3
export const EMBEDDING: i32 = 4
export const PACK: i32 = 5
export const STREAM: i32 = 6
export const SUMMARY: i32 = 7

/** Computes the chunks [from, to) of a job. */
export function execute(kind: i32, from: i32, to: i32): void {
  if (kind == MATMUL) return matmul(from, to)
  for (let chunk = from; chunk < to; chunk++) {
    if (kind == NORM) norm(chunk)
    else if (kind == ATTENTION) attention(chunk)
    else if (kind == EMBEDDING) embedding(chunk)
    else if (kind == PACK) pack(chunk)
    else if (kind == STREAM) stream(chunk)
    else if (kind == SUMMARY) summary(chunk)
  }
}
