/*
 * Kinds of jobs that the threads share. Each kernel takes the number of a chunk, or a range of them, and finds its
 * arguments in the control block.
 */
import { Job } from '../src/kernels/abi/control'
import { adamw } from './adamw'
import { attention } from './attention'
import { bandwidth } from './bandwidth'
import { compressedHeads } from './compressed-heads'
import { crossEntropy } from './cross-entropy'
import { decays } from './decays'
import { embedding } from './embedding'
import { gateBackward } from './gate-backward'
import { gatedRows } from './gated-rows'
import { heads } from './heads'
import { matmul } from './matmul'
import { norm } from './norm'
import { normBackward } from './norm-backward'
import { outerProducts } from './outer-products'
import { pack } from './pack'
import { recurrence } from './recurrence'
import { shortConvolution } from './short-convolution'
import { softmaxAttention } from './softmax-attention'
import { stickTraining } from './stick-training'
import { summary } from './summary'
import { transposedMatmul } from './transposed-matmul'

/** Computes the chunks [from, to) of a job. */
export function execute(job: i32, from: i32, to: i32): void {
  if (job == Job.matmul) return matmul(from, to)
  for (let chunk = from; chunk < to; chunk++) {
    if (job == Job.norm) norm(chunk)
    else if (job == Job.attention) attention(chunk)
    else if (job == Job.embedding) embedding(chunk)
    else if (job == Job.pack) pack(chunk)
    else if (job == Job.bandwidth) bandwidth(chunk)
    else if (job == Job.summary) summary(chunk)
    else if (job == Job.heads) heads(chunk)
    else if (job == Job.softmaxAttention) softmaxAttention(chunk)
    else if (job == Job.transposedMatmul) transposedMatmul(chunk)
    else if (job == Job.outerProducts) outerProducts(chunk)
    else if (job == Job.gateBackward) gateBackward(chunk)
    else if (job == Job.normBackward) normBackward(chunk)
    else if (job == Job.stickTraining) stickTraining(chunk)
    else if (job == Job.crossEntropy) crossEntropy(chunk)
    else if (job == Job.adamw) adamw(chunk)
    else if (job == Job.shortConvolution) shortConvolution(chunk)
    else if (job == Job.gatedRows) gatedRows(chunk)
    else if (job == Job.recurrence) recurrence(chunk)
    else if (job == Job.compressedHeads) compressedHeads(chunk)
    else if (job == Job.decays) decays(chunk)
  }
}
