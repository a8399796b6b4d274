import * as assert from 'uvu/assert'
import type { ForwardReply } from '#molm/engine/run/messages/protocol.js'
import { runMicroBatch } from '#molm/engine/run/micro-batch.js'
import type { Demand } from '#molm/engine/run/reading/demand.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { type Random, seededRandom } from '#molm/engine/sampling/random.js'
import type { ExpertMask } from '#molm/model/config/expert-mask.js'
import { type Decoder, MAX_BATCH } from '#molm/model/layers/decoder.js'
import { sameBits } from './compare.js'
import { forwardOf, runTask } from './run-task.js'

/*
 * Texts that a model reads alone or in company, with all that it can report: logits, routes, probabilities, norms,
 * hidden states, logits of routers and outputs of experts.
 */

export interface CompanyText {
  tokens: readonly number[]
  mask?: ExpertMask
}

function taskOf(model: Decoder, sequence: Sequence, { tokens }: CompanyText) {
  const layers = [...Array(model.config.layers).keys()].reverse()
  const states = { hidden: layers, expertOutputs: layers, routerLogits: layers, sharedOutputs: layers }
  const looks = { logits: 'all', routes: true, probabilities: true, outputNorms: true, ...states } as const
  return sequence.forward(forwardOf(tokens, looks), new Int32Array(1))
}

/** Runs a text alone, in one piece. */
export function readAlone(model: Decoder, text: CompanyText): ForwardReply {
  const sequence = new Sequence(model, text.mask)
  const reply = runTask(model, taskOf(model, sequence, text))
  sequence.release()
  return reply
}

interface Runner {
  sequence: Sequence
  demand?: Demand
  reply?: ForwardReply
  next(count: number): void
}

/** Runs all texts together. Each begins at a random time and comes in random pieces. */
export function readTogether(model: Decoder, texts: readonly CompanyText[], seed: number): ForwardReply[] {
  const random: Random = seededRandom(seed)
  const below = (n: number) => Math.floor(random.nextFloat() * n)
  const runners = texts.map((text): Runner => {
    const sequence = new Sequence(model, text.mask)
    const task = taskOf(model, sequence, text)
    const runner: Runner = {
      sequence,
      next(count) {
        const step = task.next(count)
        runner.demand = step.done ? undefined : step.value
        if (step.done) runner.reply = step.value
      },
    }
    return runner
  })
  const waiting = [...runners]
  const running: Runner[] = []
  while (waiting.length + running.length > 0) {
    for (let joining = below(3); joining > 0 && waiting.length > 0; joining--) {
      const [runner] = waiting.splice(below(waiting.length), 1)
      runner.next(0)
      running.push(runner)
    }
    let room = MAX_BATCH
    const shares = running.flatMap((runner) => {
      const { demand } = runner
      const most = Math.min(room, demand?.tokens.length ?? 0)
      const count = below(3) === 0 ? Math.min(1, most) : below(most + 1)
      if (!demand || count === 0) return []
      room -= count
      return { runner, demand, count }
    })
    if (shares.length === 0) continue
    for (const error of runMicroBatch(model, shares)) assert.is(error, undefined)
    for (const { runner, count } of shares) {
      runner.next(count)
      if (runner.reply) running.splice(running.indexOf(runner), 1)
    }
  }
  return runners.map(({ sequence, reply }) => {
    sequence.release()
    if (!reply) throw new Error('a sequence has no reply')
    return reply
  })
}

export function sameReply(found: ForwardReply, expected: ForwardReply, what: string): void {
  sameBits(found.logits, expected.logits, `${what}: logits`)
  assert.equal(found.routes?.ids, expected.routes?.ids, `${what}: experts`)
  for (const field of ['gates', 'probabilities', 'outputNorms'] as const) {
    const [a, b] = [found.routes?.[field], expected.routes?.[field]]
    assert.ok(a && b)
    sameBits(a, b, `${what}: ${field}`)
  }
  assert.ok(found.hidden && expected.hidden)
  for (const [i, rows] of expected.hidden.entries()) sameBits(found.hidden[i], rows, `${what}: hidden states`)
  assert.ok(found.expertOutputs && expected.expertOutputs)
  for (const [i, { attention, mlp }] of expected.expertOutputs.entries()) {
    const other = found.expertOutputs[i]
    if (attention) sameBits(other.attention as Float32Array, attention, `${what}: outputs of attention experts`)
    if (mlp) sameBits(other.mlp as Float32Array, mlp, `${what}: outputs of MLP experts`)
  }
  for (const [i, { mlp = new Float32Array() }] of (expected.routerLogits ?? []).entries()) {
    sameBits(found.routerLogits?.[i].mlp ?? new Float32Array(), mlp, `${what}: logits of routers`)
    const [own, shared] = [found, expected].map(({ sharedOutputs }) => sharedOutputs?.[i] ?? new Float32Array())
    sameBits(own, shared, `${what}: outputs of shared experts`)
  }
}
