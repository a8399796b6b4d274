import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { measureUsage } from '#molm/index.js'
import type { TraceFormat } from '#molm/insight/traces/traced-text.js'
import { tokensCsv } from '#molm/lab/commands/experts/csv.js'
import { usageObject } from '#molm/lab/commands/experts/usage-json.js'
import { readChunks, readTrace } from '#molm/lab/traces/read-trace.js'
import { textsOfTraces } from '#molm/lab/traces/trace-texts.js'
import { post, serveNano } from '../../server/served.js'
import { withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('traces of routing')

/** Reads a trace that comes in pieces of a few bytes, so that every boundary is met. */
function read(content: string | Uint8Array, piece = 7): Promise<TraceFormat> {
  const bytes = Buffer.from(content)
  const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, i) =>
    bytes.subarray(i * piece, (i + 1) * piece),
  )
  return readChunks(
    't',
    (async function* () {
      yield* pieces
    })(),
  )
}

/** Choices of a format's only text: for each layer, kind, k, ids and gates. */
async function layersIn(content: string | Uint8Array) {
  const { texts } = await read(content)
  assert.is(texts.length, 1)
  const { length, prompt, layers } = texts[0].text
  const plain = layers.map(({ layer, kind, k, ids, gates }) => [layer, kind, k, [...ids], gates && [...gates]])
  return { length, prompt, layers: plain }
}

const ROW = { index: 0, token: 7, text: 'a', layer: 0, kind: 'mlp', rank: 0, expert: 1, gate: 0.5 }
const HEAD = 'index,token,text,layer,kind,rank,expert,gate\n'

/** Rows of three tokens, two layers and two experts of a token, whose gates are not known. */
const UNGATED = [0, 1, 2].flatMap((t) =>
  [0, 1].flatMap((l) => [0, 1].map((rank) => `${t},7,a,${l},mlp,${rank},${4 * t + 2 * l + rank + 1},\n`)),
)
const UNGATED_TABLE = HEAD + UNGATED.join('')

test('a table without gates has the choices alone', async () => {
  const layers = [
    [0, 'mlp', 2, [1, 2, 5, 6, 9, 10], undefined],
    [1, 'mlp', 2, [3, 4, 7, 8, 11, 12], undefined],
  ]
  assert.equal(await layersIn(UNGATED_TABLE), { length: 3, prompt: 0, layers })
})

test('several choices or lines are several texts', async () => {
  const experts = [{ layer: 0, mlp: { ids: [1, 2], gates: [0.5, 0.25] } }]
  const choice = { routed_experts: [0, 1, 2].map((token) => ({ token, text: 'a', experts })) }
  const two = JSON.stringify({ choices: [choice, choice] })
  const { texts } = await read(`${two}\n${JSON.stringify({ choices: [choice] })}\n`)
  assert.equal(
    texts.map(({ name, text }) => [name, text.length]),
    [
      ['answer 0, choice 0', 3],
      ['answer 0, choice 1', 3],
      ['answer 1', 3],
    ],
  )
})

test('molm’s own table gives back tokens, texts, gates and usage', async () => {
  await withModel('nano', { threads: 1 }, async (model) => {
    const measured = await measureUsage(model, { name: 'prose', text: 'The lantern is "lit",\nand the sea is calm.\n' })
    const table = [...tokensCsv([measured])].join('')
    const trace = await read(table, 1000)
    const { texts, notes } = textsOfTraces([{ name: 'trace', trace }], {
      model: { name: model.name, config: model.config, textOf: (token) => model.tokenizer.decode([token]) },
    })
    const [traced] = texts
    assert.equal(traced.tokens, measured.tokens)
    assert.equal(traced.tokens.map(traced.model.textOf), measured.tokens.map(measured.model.textOf))
    const { gate_mass: mass, name, ...rest } = usageObject(traced)
    const { gate_mass: expectedMass, name: _, ...expected } = usageObject(measured)
    assert.is(name, 'trace, prose')
    assert.equal(rest, expected)
    assert.ok(Math.abs((mass?.mlp?.[3][5] ?? 9) - (expectedMass?.mlp?.[3][5] ?? 0)) < 1e-4)
    assert.equal(notes, [`trace, prose: ${measured.tokens.length} tokens, 6 layers`])
  })
})

test('a response of molm’s server is read with the tokens of its prompt', async () => {
  const served = await serveNano()
  try {
    const request = { prompt: 'The lantern', max_tokens: 3, temperature: 0, routed_experts: true }
    const { body } = await post(served.url, '/v1/completions', request)
    const trace = await read(JSON.stringify(body), 5000)
    const [{ text }] = trace.texts
    const promptIds = served.model.tokenizer.encode('The lantern')
    assert.is(text.prompt, promptIds.length)
    assert.equal(text.tokens?.slice(0, text.prompt), promptIds)
    const { ids, gates } = body.choices[0].routed_experts[0].experts[2].mlp
    const layer = text.layers.find(({ layer, kind }) => layer === 2 && kind === 'mlp')
    const at = text.prompt * 4
    assert.equal([...(layer?.ids.subarray(at, at + 4) ?? [])], ids)
    assert.equal([...(layer?.gates?.subarray(at, at + 4) ?? [])], gates.map(Math.fround))
  } finally {
    await served.close()
  }
})

test('packed routes of a response are the listed ones, and layers without experts have none', async () => {
  const served = await serveNano()
  try {
    const request = { prompt: 'The lantern', max_tokens: 3, temperature: 0 }
    const answers = [{ routed_experts: true }, { return_routed_experts: true, logprobs: 0 }].map(async (asked) => {
      const { body } = await post(served.url, '/v1/completions', { ...request, ...asked })
      return read(JSON.stringify(body), 5000)
    })
    const [listed, packed] = await Promise.all(answers)
    const [one, other] = [listed, packed].map(({ texts }) => texts[0].text)
    assert.equal([other.prompt, other.length], [one.prompt, one.length - 1])
    const of = ({ layers }: typeof one) => layers.filter(({ kind }) => kind === 'mlp').map(({ ids }) => [...ids])
    assert.equal(
      of(other),
      of(one).map((ids) => ids.slice(0, 4 * other.length)),
    )
    const words = (trace: TraceFormat) =>
      trace.texts[0].text.tokens.slice(one.prompt, other.length).map((id) => trace.words.get(id))
    assert.equal(words(packed), words(listed))
  } finally {
    await served.close()
  }
  const ids = [
    [
      [0, 0],
      [4, 1],
    ],
    [
      [-1, -1],
      [2, 3],
    ],
  ]
  const choice = { routed_experts: ids, prompt_token_ids: [7], token_ids: [8, 9] }
  const layers = [[1, 'mlp', 2, [4, 1, 2, 3], undefined]]
  assert.equal(await layersIn(JSON.stringify({ choices: [choice] })), { length: 2, prompt: 1, layers })
  assert.equal((await read(JSON.stringify({ choices: [choice] }))).texts[0].text.tokens, [7, 8])
})

test('without gates there is no gate mass', async () => {
  const trace = await read(UNGATED_TABLE)
  const { texts, notes } = textsOfTraces([{ name: 'v.csv', trace }], {})
  assert.is(texts[0].usage.of('mlp', 0).experts, 13)
  assert.is(usageObject(texts[0]).gate_mass, undefined)
  assert.match([...tokensCsv(texts)].join(''), /^v\.csv,2,7,a,1,mlp,1,12,$/m)
  assert.match(notes.join('\n'), /no gates.*13 mlp experts in a layer, judged by the largest id/s)
  const { texts: wider } = textsOfTraces([{ name: 'v.csv', trace }], { experts: 16 })
  assert.is(wider[0].usage.of('mlp', 1).experts, 16)
})

test('the numbers of experts per token come from the trace, layer by layer', async () => {
  const rows = ['0,7,a,0,mlp,0,3,', '0,7,a,0,mlp,1,1,', '0,7,a,2,mlp,0,2,', '1,7,a,0,mlp,0,0,', '1,7,a,0,mlp,1,1,']
  const trace = await read(`${HEAD}${rows.join('\n')}\n1,7,a,2,mlp,0,0,\n`)
  const named = [{ name: 't.csv', trace }]
  const used = [2, 0, 1]
  const mixture = { kind: 'mlp' as const, experts: [4, 0, 4], topK: 3 }
  const model = { name: 'a', config: { layers: 3, mixtures: [mixture] }, textOf: String }
  const { texts, notes } = textsOfTraces(named, { model })
  assert.equal(texts[0].model.config.mixtures, [{ ...mixture, topK: 2, used }])
  assert.ok(notes.includes('a token has 2,0,1 mlp experts in the traces, and 3 in a'))
  const { counts } = texts[0].usage.of('mlp', 0)
  assert.equal([...counts], [1, 2, 0, 1])
  assert.equal(textsOfTraces(named, {}).texts[0].model.config.mixtures, [{ ...mixture, topK: 2, used }])
  assert.equal(
    textsOfTraces(named, { model: { ...model, config: { layers: 3, mixtures: [{ ...mixture, topK: 2, used }] } } })
      .notes.length,
    2,
  )
})

test('what does not belong together is refused', async () => {
  const named = [{ name: 'v.csv', trace: await read(UNGATED_TABLE) }]
  const shape = (experts: number[], topK: number) => ({
    model: { name: 'a', config: { layers: 2, mixtures: [{ kind: 'mlp' as const, experts, topK }] }, textOf: String },
  })
  const refused: [Parameters<typeof textsOfTraces>[1], RegExp][] = [
    [{ experts: 12 }, /--experts 12 is too little: there is mlp expert 12 in the trace/],
    [shape([13, 12], 2), /v\.csv: not a trace of a: layer 1 has mlp expert 12, and the model 12 of them/],
    [shape([1, 13], 1), /not a trace of a: a token has 2 mlp experts in layer 0, and the model 1 in all/],
    [shape([13, 0], 2), /not a trace of a: the model has no mlp experts in layer 1/],
  ]
  for (const [facts, pattern] of refused) await rejectsWithUserError(() => textsOfTraces(named, facts), pattern)
  const one = await read(`${HEAD}0,7,a,0,mlp,0,1,\n`)
  await rejectsWithUserError(
    () => textsOfTraces([...named, { name: 'w.csv', trace: one }], {}),
    /w\.csv: a token has 1 mlp experts in layer 0, and 2 in v\.csv/,
  )
})

test('a file that is no trace, or a damaged one, is refused with the place', async () => {
  const choice = (routed: unknown) => JSON.stringify({ choices: [{ routed_experts: routed }] })
  const refused: [string | Uint8Array, RegExp][] = [
    ['', /^t: the file is empty$/],
    ['hello world\n', /^t: line 1: not the columns of a trace, which are index,token,/],
    ['{"a": 1}', /^t: line 1: neither a row of a trace nor a response/],
    ['{\n"a": 1}', /^t: neither a row of a trace nor a response/],
    ['{"choices": [', /^t: not valid JSON/],
    [HEAD, /^t: there are no rows in it$/],
    [`${HEAD}0,1,a,0,mlp,0,x,0.5\n`, /^t: line 2: expert must be a whole number, not "x"$/],
    [`${HEAD}0,1,a,0,mlp,0,5,NaN\n`, /^t: line 2: gate must be a number, not "NaN"$/],
    [`${HEAD}0,1,a,0,mlp,0\n`, /^t: line 2: 6 columns, not 8 as in the first line$/],
    [`${HEAD}0,1,a,0,head,0,1,0.5\n`, /^t: line 2: kind must be attention or mlp, not "head"$/],
    [
      `${HEAD}0,1,a,0,mlp,0,-3,0.5\n`,
      /^t: up to line 2: layer 0, mlp: an expert must be a number from 0 to 4095, not -3$/,
    ],
    [`${HEAD}0,1,a,5000,mlp,0,3,0.5\n`, /a layer must be a number from 0 to 1023, not 5000$/],
    [`${HEAD}0,1,"a,0,mlp,0,3,0.5\n`, /^t: line 2: a quote is not closed$/],
    [`${HEAD}0,1,a,0,mlp,0,3,1\n1,1,a,0,mlp,0,3,1\n0,1,a,0,mlp,0,3,1\n`, /^t: up to line 4: token 0 follows 1$/],
    [`${HEAD}0,1,a,0,mlp,0,3,1\n0,1,a,1,mlp,0,3,1\n0,1,a,0,mlp,0,3,1\n`, /experts of this token come twice$/],
    [
      `${HEAD}0,1,a,0,mlp,0,3,1\n1,1,a,0,mlp,0,3,1\n1,1,a,0,mlp,1,4,1\n`,
      /2 experts of a token, and 1 of those before$/,
    ],
    [choice([]), /choices\[0\]: there are no experts in it$/],
    [choice([7]), /choices\[0\]: routed_experts must be a list of tokens with their experts/],
    [choice('k05VTVBZ'), /^t: line 1: choices\[0\]: the type of the numbers in routed_experts is not known$/],
    [choice('%'), /routed_experts are not in base64$/],
    [choice('AAAA'), /these routed_experts have no shape: -m MODEL says/],
    [choice({ data: 'AAAA', shape: [1, 2, 2], dtype: 'uint8' }), /3 numbers of routed_experts do not fit 2 layers/],
    [choice([[[0, 5000]]]), /an expert must be a number from 0 to 4095, not 5000$/],
    [JSON.stringify({ choices: [{ text: 'x' }] }), /choices\[0\]: there are no routed_experts; ask the server/],
    [Buffer.from(`${HEAD}\xff`, 'latin1'), /^t: it is not UTF-8 text$/],
    [`${JSON.stringify(ROW)}\n${choice([])}\n`, /^t: line 2: another format than the lines before$/],
    [`{"a":${'['.repeat(100)}`, /^t: not valid here, nested more than 64 deep$/],
  ]
  for (const [content, pattern] of refused) await rejectsWithUserError(() => read(content), pattern)
})

test('a file is named if it is not there or is a folder', async () => {
  await inTemporaryFolder(async (dir) => {
    await rejectsWithUserError(() => readTrace(join(dir, 'no.csv')), /no\.csv: no such file$/)
    await rejectsWithUserError(() => readTrace(dir), /: is a folder, not a file$/)
    const path = join(dir, 'one.csv')
    await writeFile(path, `${HEAD}0,7,a,0,mlp,0,1,0.5\n`)
    assert.is((await readTrace(path)).texts[0].text.length, 1)
  })
})

test.run()
