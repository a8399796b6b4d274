import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { scoreText } from '#molm/evaluation/evaluate-text.js'
import { inShardOrder, parseShard, runOfShard, type Shard } from '#molm/evaluation/shard.js'
import { parseShardJson, shardJson } from '#molm/evaluation/shard-json.js'
import { joinScores, type ShardScores } from '#molm/evaluation/shard-scores.js'
import { taskScore } from '#molm/evaluation/task-score.js'
import { textScore } from '#molm/evaluation/text-score.js'
import { evaluateTask, evaluateText, loadModel, type Model } from '#molm/index.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inputs, scoresOf } from './scored-shards.js'

const test = suite<{ model: Model }>('shards of an evaluation')

test.before(async (context) => {
  context.model = await loadModel('nano', { quant: 'q4', threads: 1 })
})
test.after(({ model }) => model.dispose())

const SHARDS = Array.from({ length: 7 }, (_, i): Shard => ({ number: i + 1, of: 7 }))

test('shards of texts and a task, joined in any order, give the bits of one run', async ({ model }) => {
  const { texts, task } = await inputs()
  const shards = []
  for (const shard of SHARDS) shards.push(await scoresOf(model, shard))
  const joined = joinScores(shards.reverse())
  const one = []
  for (const text of texts) one.push(await evaluateText(model, text, { window: 32, stride: 20 }))
  assert.equal(joined.texts.map(textScore), one)
  assert.equal(joined.tasks.map(taskScore), [await evaluateTask(model, task)])
})

test('progress counts the tokens of the shard’s own windows', async ({ model }) => {
  const { texts } = await inputs()
  const seen: { tokens: number; of: number }[] = []
  const takes = (index: number) => index % 3 === 1
  const { scores } = await scoreText(model, texts[0], { window: 32, takes, onProgress: (done) => seen.push(done) })
  assert.ok(scores.length > 1)
  assert.is(seen.at(-1)?.tokens, seen.at(-1)?.of)
  assert.ok(seen.every(({ tokens }, i) => i === 0 || tokens > seen[i - 1].tokens))
})

test('a join names what differs between two shards', async () => {
  const text = { file: 'a.txt', hash: 'x', tokens: 9, bytes: 9, windows: 2 }
  const score = { scored: 3, nll: 2 }
  const shard = (number: number, changes: Partial<ShardScores> = {}) => ({
    name: `${number}.json`,
    shard: { number, of: 2 },
    model: 'nano',
    options: { quant: 'q4' },
    texts: [{ ...text, scores: [{ window: number - 1, ...score }] }],
    tasks: [],
    ...changes,
  })
  const cases: [Partial<ShardScores>, RegExp][] = [
    [{ model: 'olmoe' }, /1\.json and 2\.json are of two models, nano and olmoe/],
    [{ options: { quant: 'q8', window: 9 } }, /1\.json and 2\.json have different options: quant, window/],
    [{ texts: [{ ...text, hash: 'y', scores: [] }] }, /measure different files: a\.txt/],
    [{ texts: [] }, /measure different files/],
    [{ texts: [{ ...text, scores: [{ window: 0, ...score }] }] }, /2\.json: does not have window 1 of a\.txt/],
    [{ texts: [{ ...text, windows: 3, scores: [{ window: 1, ...score }] }] }, /2\.json: does not have the windows/],
    [{ texts: [{ ...text, windows: Number.MAX_SAFE_INTEGER, scores: [] }] }, /does not have window 1 of a\.txt/],
    [{ against: 'other' }, /compare with different models/],
  ]
  assert.is(joinScores([shard(2), shard(1)]).texts[0].scores.length, 2)
  for (const [changes, pattern] of cases)
    await rejectsWithUserError(() => joinScores([shard(1), shard(2, changes)]), pattern)
})

test('a file that claims endless windows ends in an error, and a task may have very many items', async () => {
  const hash = { file: 'a', hash: 'x' }
  const all = { name: '1.json', shard: { number: 1, of: 1 }, model: 'nano', options: {}, texts: [], tasks: [] }
  const endless = { ...hash, tokens: 9, bytes: 9, windows: Number.MAX_SAFE_INTEGER, scores: [] }
  await rejectsWithUserError(() => joinScores([{ ...all, texts: [endless] }]), /1\.json: does not have window 0 of a/)
  const answers = Array.from({ length: 200_000 }, (_, line) => ({ line, answer: 0, chosen: 0, chosenNorm: 0 }))
  const task = { ...hash, items: answers.length, from: 0, answers, loglikelihoods: answers.map(() => [0]) }
  assert.is(joinScores([{ ...all, tasks: [task] }]).tasks[0].answers.length, answers.length)
})

test('missing, repeated and unequal shards are named', async () => {
  const shards = (...numbers: number[]) => numbers.map((number) => ({ name: `${number}`, shard: { number, of: 9 } }))
  await rejectsWithUserError(() => inShardOrder(shards(9, 1, 3)), /of 9 shards, 2,4-8 are missing$/)
  await rejectsWithUserError(() => inShardOrder(shards(1, 2, 3, 4, 5, 6, 7, 9)), /of 9 shards, 8 is missing$/)
  await rejectsWithUserError(() => inShardOrder(shards(1, 1)), /are both shard 1\/9/)
  const other = { name: 'x', shard: { number: 1, of: 8 } }
  await rejectsWithUserError(() => inShardOrder([...shards(1), other]), /1 is shard 1\/9, and x is shard 1\/8/)
  const many = ['a', 'b', 'c', 'd', 'e', 'f']
  await rejectsWithUserError(() => inShardOrder([], many), /a does not end .*; d does not end [^;]*; 2 more do not$/)
})

test('units are divided without a gap, and shards are written from 1', () => {
  for (const [units, of] of [
    [0, 3],
    [5, 3],
    [2, 5],
    [100, 16],
  ]) {
    const runs = Array.from({ length: of }, (_, i) => runOfShard({ number: i + 1, of }, units))
    assert.is(runs[0].from, 0)
    assert.is(runs.at(-1)?.to, units)
    assert.ok(runs.every(({ from }, i) => i === 0 || from === runs[i - 1].to))
  }
  assert.equal(parseShard('3/16'), { number: 3, of: 16 })
  for (const text of ['0/2', '3/2', '1/', '/2', '1/2/3', ' 1/2', '1.0/2', '١/2']) assert.is(parseShard(text), undefined)
})

test('numbers that JSON lacks survive, and other files are refused by their field', async () => {
  const score = { window: 0, scored: 1, nll: Infinity }
  const scores: ShardScores = {
    shard: { number: 1, of: 1 },
    model: 'nano',
    options: {},
    texts: [{ file: 'a', hash: 'x', tokens: 2, bytes: 2, windows: 1, scores: [score] }],
    tasks: [
      {
        file: 't',
        hash: 'y',
        items: 1,
        from: 0,
        answers: [{ line: 1, answer: 0, chosen: 0, chosenNorm: 1 }],
        loglikelihoods: [[-Infinity, NaN]],
      },
    ],
  }
  const json = shardJson(scores)
  assert.equal(parseShardJson(Buffer.from(json), 's'), scores)
  const refuse = (text: string, pattern: RegExp) =>
    rejectsWithUserError(() => parseShardJson(Buffer.from(text), 's'), pattern)
  await refuse('', /^s: not valid JSON/)
  await refuse('{"model":"nano"}', /^s: is not a shard of `molm eval --shard` \("shard"\)/)
  for (const field of ['model', 'options', 'texts', 'windows', 'nll', 'answers', 'chosen_norm', 'loglikelihoods']) {
    await refuse(json.replace(`"${field}":`, '"x":'), new RegExp(`"${field}"`))
  }
})

test.run()
