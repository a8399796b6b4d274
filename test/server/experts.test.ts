import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RoutedToken } from '#molm/api/wire.js'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import { lensOf } from '#molm/insight/lens.js'
import { expertsThatMatter, type MattersOptions } from '#molm/insight/matters/experts-that-matter.js'
import { mattersObject } from '#molm/insight/matters/matters-forms.js'
import { lensObject } from '#molm/insight/pictures/kinds/lens-figure.js'
import { awakeSentence } from '#molm/insight/usage/awake.js'
import { ExpertUsage } from '#molm/insight/usage/usage.js'
import { perMixture } from '#molm/model/config/config.js'
import { parseMask } from '#molm/model/config/mask-spec.js'
import { layerRoutes, type ModelCard, pageModel } from '#molm/page/requests/routes.js'
import { listen } from '#molm/server/listen.js'
import { get, post, type Served, serveNano, serverFor } from './served.js'

const test = suite('GET /experts')
const served = serverFor(test, () => serveNano())

const mark = (url: string, name: string) => post(url, '/experts/mark', { name })

/** Drafts would count among the tokens that were run. */
const ASKED = { max_tokens: 12, temperature: 0, routed_experts: true, prompt_lookup_num_tokens: 0 }

/** Asks for an answer and counts the experts that it and its prompt woke. */
async function usageOf({ url, model }: Served, prompt: string): Promise<ExpertUsage> {
  const { body } = await post(url, '/v1/completions', { ...ASKED, prompt })
  const { data } = (await get(url, '/v1/models')).body as { data: ModelCard[] }
  const { prompt_routed_experts, routed_experts } = body.choices[0]
  const usage = new ExpertUsage(model.config)
  // The last token of a prompt whose experts are reported is read again for the answer; the answer's last is not read.
  const read = [...prompt_routed_experts, prompt_routed_experts.at(-1), ...routed_experts] as RoutedToken[]
  for (const token of read) {
    if (token.experts) usage.add(layerRoutes(token, pageModel(data[0])), 1)
  }
  return usage
}

test('the counts since a mark are of the tokens read since then', async () => {
  const { url } = served
  await post(url, '/v1/completions', { prompt: 'Before the mark', max_tokens: 5 })
  const { status, body: set } = await mark(url, 'lantern')
  assert.is(status, 200)
  assert.is(set.mark, 'lantern')
  const usage = await usageOf(served, 'The lantern')
  const { body } = await get(url, '/experts?since=lantern')
  const counted = (of: ExpertUsage) =>
    Object.fromEntries(of.mixtures.map(({ kind, layers }) => [kind, layers.map(({ counts }) => [...counts])]))
  assert.equal(body.usage, counted(usage))
  assert.is(body.tokens, usage.tokens)
  assert.is(body.sentence, awakeSentence(usage))
  assert.is(body.mark, 'lantern')
  assert.is(body.since, set.since)
  const fairness = usage.mixtures[1].layers.map(({ fairness }) => fairness)
  assert.equal(body.fairness.mlp, fairness)
  const [most] = body.most_used
  assert.is(most.count, Math.max(...usage.mixtures.flatMap(({ layers }) => layers.flatMap((l) => [...l.counts]))))
  assert.is(most.count, usage.of(most.kind, most.layer).counts[most.expert])
  assert.is(body.least_used[0].count, 0)
})

test('without a mark all tokens count since the model was loaded', async () => {
  const { tokensProcessed } = await served.model.stats()
  const { body } = await get(served.url, '/experts')
  assert.is(body.tokens, tokensProcessed)
  assert.is(body.mark, null)
  // Every token uses 2 of 8 attention experts in each layer.
  for (const counts of body.usage.attention) {
    const uses = counts.reduce((sum: number, count: number) => sum + count)
    assert.is(uses, 2 * tokensProcessed)
  }
})

test('clients have marks of their own, and a mark of the same name is set again', async () => {
  const { url } = served
  await mark(url, 'mine')
  await post(url, '/v1/completions', { prompt: 'One two three', max_tokens: 4 })
  await mark(url, 'yours')
  const tokens = async (name: string) => (await get(url, `/experts?since=${name}`)).body.tokens
  assert.ok((await tokens('mine')) > 4)
  assert.is(await tokens('yours'), 0)
  assert.is((await get(url, '/experts?since=yours')).body.sentence, 'none of 192 experts woke')
  await mark(url, 'mine')
  assert.is(await tokens('mine'), 0)
})

test('the oldest of more than 16 marks is dropped', async () => {
  const { url } = served
  await mark(url, 'old')
  for (let i = 0; i < 16; i++) await mark(url, `new ${i}`)
  assert.is((await get(url, '/experts?since=old')).status, 404)
  assert.is((await get(url, '/experts?since=new%200')).status, 200)
})

test('wrong requests are refused by name', async () => {
  const { url } = served
  const { status, body } = await get(url, '/experts?since=never')
  assert.is(status, 404)
  assert.is(body.error.message, 'there is no mark "never"; POST /experts/mark sets one')
  const misspelt = await get(url, '/experts?sinse=x')
  assert.is(misspelt.body.error.message, '"sinse" is not supported; there are "model" and "since"')
  for (const name of ['', 'x'.repeat(65), 3, undefined]) {
    const { status, body } = await post(url, '/experts/mark', { name })
    assert.is(status, 400)
    assert.is(body.error.param, 'name')
  }
})

test('POST /experts/lens says what the experts of a prompt’s last token say, after any cached beginning', async () => {
  const { model, url } = served
  const prompt = model.tokenizer.encode('User: What is 12 + 30? A lantern is a light in a case that a hand can carry.')
  const expected = JSON.parse(JSON.stringify(lensObject(await lensOf(model, prompt))))
  for (let i = 0; i < 2; i++) {
    const { status, body } = await post(url, '/experts/lens', { prompt })
    assert.is(status, 200)
    assert.equal(body, expected)
  }
  const mask = ['3:mlp:5', '2:mlp:1=+2']
  const masked = await lensOf(model, prompt, { mask: parseMask(mask, model.config) })
  assert.equal((await post(url, '/experts/lens', { prompt, mask })).body.experts, lensObject(masked).experts)
  for (const [wrong, param] of [
    [{ prompt: [] }, 'prompt'],
    [{ prompt: 'a text' }, 'prompt'],
    [{ prompt: [model.config.vocabSize] }, 'prompt'],
    [{ prompt, mask: ['9:mlp:1'] }, 'mask'],
    [{ prompt, top: 3 }, 'top'],
  ] as const) {
    const { status, body } = await post(url, '/experts/lens', wrong)
    assert.equal([status, body.error.param], [400, param])
  }
})

test('POST /experts/matters has the experts whose absence changes an answer most', async () => {
  const { model, url } = served
  const prompt = model.tokenizer.encode('User: What is 12 + 30?\nAssistant:')
  const { body: answered } = await post(url, '/v1/completions', { ...ASKED, prompt })
  const answer = (answered.choices[0].routed_experts as RoutedToken[]).map(({ token }) => token)
  const expected = (options?: MattersOptions) =>
    expertsThatMatter(model, prompt, answer, options).then((found) =>
      JSON.parse(JSON.stringify(mattersObject(found, 12))),
    )
  const { status, body } = await post(url, '/experts/matters', { prompt, answer })
  assert.is(status, 200)
  assert.equal(body, await expected())
  assert.is(body.experts.length, 12)
  const mask = [body.experts[0].mask]
  const masked = await post(url, '/experts/matters', { prompt, answer, token: 1, mask })
  assert.equal(masked.body, await expected({ token: 1, mask: parseMask(mask, model.config) }))
  for (const [wrong, param] of [
    [{ prompt: [], answer }, 'prompt'],
    [{ prompt, answer: [] }, 'token'],
    [{ prompt, answer, token: answer.length }, 'token'],
    [{ prompt, answer, mask: ['9:mlp:1'] }, 'mask'],
    [{ prompt }, 'answer'],
  ] as const) {
    const { status, body } = await post(url, '/experts/matters', wrong)
    assert.equal([status, body.error.param], [400, param])
  }
})

test('an atlas is served with the foremost preferences of each expert, and names those in the lists', async () => {
  const { model, url } = served
  assert.is((await get(url, '/experts/atlas')).status, 404)
  assert.is((await get(url, '/v1/models')).body.data[0].meta.atlas, undefined)
  const { mixtures } = model.config
  const tokens = Array.from({ length: 30 }, (_, i) => ({ text: ` word${i}`, lift: 30 - i }))
  const atlas: Atlas = {
    ...{ format: 'molm-atlas', version: 1, named: 2, confirmed: 1, texts: [{ name: 'prose', tokens: 100 }] },
    model: { name: 'nano', experts: perMixture(mixtures, ({ experts }) => experts) },
    entries: perMixture(mixtures, ({ kind, experts }) =>
      experts.map((count, layer) =>
        Array.from({ length: count }, (_, id) => ({ name: `${kind} ${layer} ${id}`, share: 0.5, tokens, texts: [] })),
      ),
    ),
    committees: perMixture(mixtures, ({ experts }) => experts.map(() => null)),
  }
  const server = await listen({ port: 0 })
  server.open(model, { atlas })
  try {
    const { body } = await get(server.url, '/experts/atlas')
    assert.is(body.format, 'molm-atlas')
    assert.equal(body.entries.mlp[5][23], { name: 'mlp 5 23', share: 0.5, tokens: tokens.slice(0, 5), texts: [] })
    assert.is((await get(server.url, '/v1/models')).body.data[0].meta.atlas, true)
    const [{ name, kind, layer, expert }] = (await get(server.url, '/experts')).body.most_used
    assert.is(name, `${kind} ${layer} ${expert}`)
  } finally {
    await server.close()
  }
})

test('a server with a key shows the counts only with the key', async () => {
  const server = await listen({ port: 0, apiKey: 'sesame' })
  server.open(served.model)
  try {
    assert.is((await get(server.url, '/experts')).status, 401)
    assert.is((await post(server.url, '/experts/mark', { name: 'x' })).status, 401)
    assert.is((await get(server.url, '/experts', { Authorization: 'Bearer sesame' })).status, 200)
  } finally {
    await server.close()
  }
})

test.run()
