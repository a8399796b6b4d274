import { writeFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadAtlas, type Model } from '#molm/index.js'
import { LANTERN } from '../support/lantern.js'
import { chatWith, nanoFor, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('an expert described in a chat')
let nano: Model
nanoFor(test, (model) => (nano = model))

test('/expert prints its name, its preferences and its work in the conversation', async () => {
  const chat = await chatWith(nano)
  chat.map.atlas = await loadAtlas(nano)
  await send(chat, '/expert 3:mlp:3')
  const lines = () => (chat.items.at(-1)?.text ?? '').split('\n')
  assert.is(lines().at(-1), 'there is no answer yet')
  await send(chat, LANTERN.question)
  const { counts } = chat.map.usage.of('mlp', 3)
  const named = chat.map.atlas?.entries.mlp?.[3] ?? []
  const expert = named.findIndex(({ name, tokens }, i) => name !== undefined && tokens.length > 0 && counts[i] > 0)
  await send(chat, `/mask 3:mlp:${expert}`)
  await send(chat, `/expert 3:mlp:${expert}`)
  assert.is(lines()[0], `layer 3 mlp expert ${expert}: ${named[expert].name}, switched off`)
  assert.match(lines()[1], /^chosen by [\d.]+ % of the atlas's tokens$/)
  assert.match(lines()[2], /^labels, with the share of its tokens that each adds: \S.* [\d.]+ %/)
  assert.match(lines()[3], /^tokens, times as often as usual: "[^"]+" \d+\.\d/)
  const here = new RegExp(
    `^chosen by ${counts[expert]} of the answers' ${chat.map.usage.tokens} tokens here; words .*: "`,
  )
  assert.match(lines().at(-1) ?? '', here)
  for (const spec of ['', '3:mlp:3,4', '3:mlp:99']) {
    await send(chat, `/expert ${spec}`)
    assert.is(chat.items.at(-1)?.kind, 'error', spec)
  }
})

test('/atlas says from what texts the names are, or how to make names; /model lists the models, or changes to one', async () => {
  const chat = await chatWith(nano)
  await send(chat, '/atlas')
  assert.match(chat.items.at(-1)?.text ?? '', /^the experts of nano have no names: molm experts --atlas/)
  await send(chat, '/expert 3:mlp:3')
  assert.match(chat.items.at(-1)?.text ?? '', /^layer 3 mlp expert 3: no names: see \/atlas$/m)
  await send(chat, '/model')
  assert.match(
    chat.items.at(-1)?.text ?? '',
    /^› {2}nano +built-in +[\d.]+ MB$[\s\S]*\n\/model NAME changes to another/m,
  )
  await send(chat, '/model nano')
  assert.match(chat.items.at(-1)?.text ?? '', /^continuing with nano, /)
  await send(chat, '/atlas')
  const text = chat.items.at(-1)?.text ?? ''
  assert.match(text, /^names of experts from [\d,]+ tokens of \d+ kinds of text:\n {2}arithmetic: [\d,]+ tokens\n/)
  assert.match(text, /half of each text named \d+ experts; the other half confirmed \d+ of them$/)
})

test('a damaged atlas beside the model warns in the chat', async () => {
  await inTemporaryFolder(async (dir) => {
    await writeFile(`${dir}/atlas.json`, '{}')
    const warnings: string[] = []
    const model = { ...nano, name: 'nano', config: nano.config, info: { ...nano.info, path: dir } }
    assert.is(await loadAtlas(model, undefined, (line) => warnings.push(line)), undefined)
    assert.match(warnings.join(), /atlas\.json/)
  })
})

test.run()
