import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Intervention, loadModel, type Model } from '#molm/index.js'
import { figureLines } from '#molm/insight/pictures/text/text.js'
import { drawPatching, type Patching, patchPrompts } from '#molm/lab/index.js'
import { patchCsv, patchObject } from '#molm/lab/patching/patch-forms.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite<{ model: Model; clean: number[]; corrupt: number[]; answer: number[]; patching: Patching }>(
  'causal tracing',
  {} as never,
)

test.before(async (context) => {
  const model = await loadModel('nano', { threads: 1 })
  const [clean, corrupt, answer] = ['The opposite of hot is', 'The opposite of day is', ' cold'].map((text) =>
    model.tokenizer.encode(text, { addSpecialTokens: false }),
  )
  const patching = await patchPrompts(model, clean, corrupt, answer)
  Object.assign(context, { model, clean, corrupt, answer, patching })
})

test.after(({ model }) => model.dispose())

/** Log-probability of the answer after a prompt, with `forward` alone. */
async function logprobOf(model: Model, prompt: number[], answer: number[], interventions?: Intervention[]) {
  const session = model.createSession({ interventions })
  const asked = { targets: answer, logits: 'none' } as const
  const { logprobs = [] } = await session.forward([...prompt, ...answer.slice(0, -1)], asked)
  session.dispose()
  return [...logprobs].reduce((sum, one) => sum + one, 0)
}

test('each effect is what a session with values of the first prompt gives', async (context) => {
  const { model, clean, corrupt, answer, patching } = context
  const { logprobs, places, experts, coalitions } = patching
  const [whole, other] = [await logprobOf(model, clean, answer), await logprobOf(model, corrupt, answer)]
  assert.equal(logprobs, { clean: whole, corrupt: other })
  const layers = [...Array(6).keys()]
  const session = model.createSession()
  const asked = { hidden: layers, expertOutputs: layers, routes: true } as const
  const { hidden, expertOutputs, routes } = await session.forward(clean, asked)
  session.dispose()
  const { width } = model.config
  const rowOf = (rows: Float32Array = new Float32Array(), row = 0) => rows.slice(row * width, (row + 1) * width)
  const read = (interventions: Intervention[]) => logprobOf(model, corrupt, answer, interventions)

  assert.is(places.length, 2 * 6 * 3, 'two tokens differ or come later')
  for (const { layer, part, token, logprob, restored } of places) {
    const { ids = [], gates = [] } = (part !== 'residual' && routes[layer][part]) || {}
    const k = ids.length / clean.length
    const slots = Array.from({ length: k }, (_, slot) => token * k + slot)
    const of = { layer, part, tokens: [token] }
    const interventions: Intervention[] =
      part === 'residual'
        ? [{ ...of, replace: rowOf(hidden[layer], token) }]
        : [
            { ...of, route: slots.map((i) => ids[i]), weights: slots.map((i) => gates[i]) },
            ...slots.map((i) => ({ ...of, expert: ids[i], replace: rowOf(expertOutputs?.[layer][part], i) })),
          ]
    assert.is(logprob, await read(interventions), `${part} of layer ${layer}, token ${token}`)
    assert.is(restored, (logprob - other) / (whole - other))
  }
  const last = places.find(({ layer, part, token }) => layer === 5 && part === 'residual' && token === 4)
  assert.is(last?.restored, 1)

  const byHand = ({
    layer,
    kind,
    expert,
  }: Patching['experts'][number] | { layer: number; kind: 'mlp'; expert: number }) => {
    const { ids = [], gates = [] } = routes[layer][kind] ?? {}
    const k = ids.length / clean.length
    return [3, 4].map((token): Intervention => {
      const slot = [...ids].indexOf(expert, token * k)
      const isUsed = slot >= 0 && slot < (token + 1) * k
      const replace = isUsed ? rowOf(expertOutputs?.[layer][kind], slot) : ('zero' as const)
      return { layer, part: kind, expert, tokens: [token], replace, weights: [isUsed ? gates[slot] : 0] }
    })
  }
  for (const one of experts) assert.is(one.logprob, await read(byHand(one)), `${one.layer} ${one.kind} ${one.expert}`)
  for (const { experts, logprob } of coalitions) {
    assert.is(logprob, await read(experts.flatMap((one) => byHand({ ...one, logprob: 0, restored: 0 }))))
  }
})

test('the experts that bring back most come first, and a coalition grows while it gains', ({ patching }) => {
  const { experts, coalitions } = patching
  const shares = experts.map(({ restored }) => restored)
  assert.equal(
    shares,
    shares.toSorted((a, b) => b - a),
  )
  assert.equal(coalitions[0].experts, [{ layer: experts[0].layer, kind: experts[0].kind, expert: experts[0].expert }])
  for (const [i, { experts, restored }] of coalitions.entries()) {
    assert.is(experts.length, i + 1)
    if (i > 0) assert.ok(restored >= coalitions[i - 1].restored + 0.02)
  }
})

test('forms and picture have the numbers', ({ patching }) => {
  const { places, experts } = patching
  const [best] = experts
  const object = patchObject(patching) as { experts: { mask: string }[]; tokens: unknown[] }
  assert.is(object.experts[0].mask, `${best.layer}:${best.kind}:${best.expert}`)
  assert.equal(object.tokens[3], { clean: ' hot', corrupt: ' day' })
  assert.is([...patchCsv(patching)].length, 1 + places.length + experts.length)
  const lines = [...figureLines(drawPatching(patching), { width: 120 })].join('\n')
  assert.match(lines, /Causal tracing of “cold” in nano \(q4\)/)
  assert.match(lines, new RegExp(`layer ${best.layer}, MLP ${best.expert} +${(100 * best.restored).toFixed(0)} %`))
  assert.match(lines, /layer 5 +100 % at “ is”/)
})

test('an interrupted trace resumes with the same result, and reads nothing twice', async (context) => {
  const { model, clean, corrupt, answer, patching } = context
  const journal = join(tmpdir(), `molm-patching-${process.pid}`)
  const stop = new AbortController()
  const onProgress = ({ done }: { done: number }) => {
    if (done === 40) stop.abort(new Error('stopped'))
  }
  const { signal } = stop
  try {
    const stopped = await thrownBy(patchPrompts(model, clean, corrupt, answer, { journal, onProgress, signal }))
    assert.match(String(stopped), /stopped/)
    assert.equal(
      { ...(await patchPrompts(model, clean, corrupt, answer, { journal })), model: 0 },
      { ...patching, model: 0 },
    )
    const before = await model.stats()
    await patchPrompts(model, clean, corrupt, answer, { journal })
    const after = await model.stats()
    const tokens = after.tokensProcessed - before.tokensProcessed
    assert.is(tokens, 2 * (clean.length + answer.length) + 2 * clean.length, 'the prompts alone')
    const other = await thrownBy(patchPrompts(model, clean, corrupt, clean.slice(0, 1), { journal }))
    assert.match(String(other), /another model|not likelier/)
  } finally {
    await rm(journal, { force: true })
  }
})

test('prompts that cannot be compared are refused', async ({ model, clean, corrupt, answer }) => {
  const refused = async (a: number[], b: number[], message: RegExp) =>
    assert.match(String(await thrownBy((async () => patchPrompts(model, a, b, answer))())), message)
  await refused(clean, corrupt.slice(1), /the prompts have 5 and 4 tokens; they must have the same number/)
  await refused(clean, clean, /the prompts are the same/)
  await refused(corrupt, clean, /the answer is not likelier after the first prompt/)
})

test.run()
