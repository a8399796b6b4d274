import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writePrompt } from '#molm/engine/session/prompt.js'
import { type ExpertMask, expertsThatMatter, loadModel, type Model, parseMask, resultOf } from '#molm/index.js'
import { mattersCsv, mattersLines, mattersObject } from '#molm/insight/matters/matters-forms.js'
import { useSession } from '#molm/insight/texts/reading.js'
import { maskSpecOf } from '#molm/insight/usage/awake.js'
import { changeInWords } from '#molm/insight/word-changes.js'

interface Asked {
  model: Model
  prompt: number[]
  /** A greedy answer, and the number of its tokens before the text that ends it. */
  answer: number[]
  text: string
  length: number
}

const test = suite<Asked>('experts that matter', {} as Asked)

test.before(async (context) => {
  const model = await loadModel('nano', { threads: 2 })
  const said = { messages: [{ role: 'user', content: 'What is a hammer?' }] }
  const { ids: prompt } = await writePrompt(model, said, {})
  const { tokens, text } = await useSession(model, (session) => resultOf(session.generate(prompt, { temperature: 0 })))
  const length = tokens.findIndex((_, i) => model.tokenizer.decode(tokens.slice(0, i + 1)) === text) + 1
  Object.assign(context, { model, prompt, answer: tokens, text: text.trim(), length })
})

test.after(({ model }) => model.dispose())

/** Text of a session with a mask at temperature 0, and the answer's log-probability in it. */
function withMask({ model, prompt, answer, length }: Asked, mask?: ExpertMask) {
  return useSession(
    model,
    async (session) => {
      const { text } = await resultOf(session.generate(prompt, { temperature: 0 }))
      session.reset()
      const targets = answer.slice(0, length)
      const read = [...prompt, ...targets.slice(0, -1)]
      const { logprobs = [] } = await session.forward(read, { targets, logits: 'none' })
      return { text: text.trim(), logprob: [...logprobs].reduce((sum, one) => sum + one, 0) }
    },
    { mask },
  )
}

test('each expert’s row is what a session without it writes, and how likely it finds the answer', async (asked) => {
  const { model, prompt, answer, text } = asked
  const progress: { done: number; of: number }[] = []
  const found = await expertsThatMatter(model, prompt, answer, { onProgress: (readings) => progress.push(readings) })
  const whole = await withMask(asked)
  assert.is(found.answer, text)
  assert.ok(Math.abs(found.logprob - whole.logprob) < 1e-6)
  const { experts, tried, of } = found
  assert.equal([tried, of, experts.length], [experts.length, experts.length, of])
  assert.equal(progress.at(-1), { done: of, of })
  const changing = experts.filter(({ changes }) => changes)
  assert.ok(changing.length > 0 && changing.length < 40, `${changing.length} change the answer`)
  assert.is(found.group, undefined)
  for (const one of [...changing, ...experts.slice(changing.length, changing.length + 5), ...experts.slice(-2)]) {
    const own = await withMask(asked, parseMask([maskSpecOf(one)], model.config))
    assert.is(one.answer, own.text, maskSpecOf(one))
    assert.is(one.changes, own.text !== text)
    assert.ok(Math.abs(one.logprobChange - (own.logprob - whole.logprob)) < 1e-6)
  }
  const order = experts.map(({ changes, logprobChange }) => (changes ? -1000 : 0) + logprobChange)
  assert.equal(
    order,
    order.toSorted((a, b) => a - b),
  )
  const { experts: listed, ...rest } = mattersObject(found, 2)
  const [{ layer, kind, expert }] = experts
  assert.equal([listed.length, listed[0].mask, rest.tried], [2, `${layer}:${kind}:${expert}`, tried])
  assert.is([...mattersCsv(found)].length, 1 + experts.length)
  const [line] = mattersLines(found, 1)
  assert.is(line.startsWith(`without layer ${layer}’s ${kind === 'mlp' ? 'MLP' : kind} expert ${expert}: “`), true)
})

test('an answer without the text that ends it has the same experts', async ({ model, prompt, answer, length }) => {
  const whole = await expertsThatMatter(model, prompt, answer)
  assert.equal(await without(whole), await without(await expertsThatMatter(model, prompt, answer.slice(0, length))))
  async function without({ tokens, model, ...rest }: typeof whole) {
    return rest
  }
})

test('a count limits the experts to the ones that are expected to matter most', async ({ model, prompt, answer }) => {
  const all = await expertsThatMatter(model, prompt, answer)
  const few = await expertsThatMatter(model, prompt, answer, { most: 24 })
  assert.equal([few.tried, few.of], [24, all.of])
  for (const one of few.experts) {
    assert.equal(
      one,
      all.experts.find((other) => maskSpecOf(other) === maskSpecOf(one)),
    )
  }
  const strongest = all.experts
    .toSorted((a, b) => a.logprobChange - b.logprobChange)
    .slice(0, 3)
    .map(maskSpecOf)
  assert.ok(few.experts.some((one) => strongest.includes(maskSpecOf(one))))
  const enough = await expertsThatMatter(model, prompt, answer, { most: 2, budgetMs: 600_000 })
  assert.is(enough.tried, all.of)
})

test('if no expert alone changes a token, the smallest group that is found does', async (asked) => {
  const { model, prompt, answer, length } = asked
  let groups = 0
  for (let token = 0; token < length && groups === 0; token++) {
    const { experts, group } = await expertsThatMatter(model, prompt, answer, { token })
    assert.is(group !== undefined && experts.some(({ changes }) => changes), false)
    if (!group) continue
    groups++
    assert.ok(group.experts.length > 1)
    const likeliest = async (places: typeof group.experts) => {
      const mask = parseMask(places.map(maskSpecOf), model.config)
      const read = [...prompt, ...answer.slice(0, token)]
      const options = { targets: answer.slice(token, token + 1), logits: 'none' } as const
      return (await useSession(model, (session) => session.forward(read, options), { mask })).likeliest?.[0]
    }
    assert.is.not(await likeliest(group.experts), answer[token])
    for (const place of group.experts) {
      assert.is(await likeliest(group.experts.filter((one) => one !== place)), answer[token])
    }
  }
  assert.ok(groups > 0)
})

test('experts that are off already are not tried, and an abort ends the search', async ({ model, prompt, answer }) => {
  const [first] = (await expertsThatMatter(model, prompt, answer)).experts
  const mask = parseMask([maskSpecOf(first)], model.config)
  const { experts } = await expertsThatMatter(model, prompt, answer, { mask })
  assert.not(experts.map(maskSpecOf).includes(maskSpecOf(first)))
  const stopper = new AbortController()
  const search = expertsThatMatter(model, prompt, answer, {
    signal: stopper.signal,
    onProgress: () => stopper.abort(new Error('enough')),
  })
  const error = await search.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.is((error as Error).message, 'enough')
})

test('a change is named by the first words that differ', () => {
  assert.is(changeInWords('The opposite of hot is cold.', 'The opposite of hot is hot.'), '“hot” for “cold”')
  assert.is(changeInWords('It is cold', 'It is very cold'), '“very” is added')
  assert.is(changeInWords('Yes', 'Yes'), 'the same words')
})

test.run()
