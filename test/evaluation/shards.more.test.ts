import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { scoreTask } from '#molm/evaluation/evaluate-task.js'
import { scoreText } from '#molm/evaluation/evaluate-text.js'
import { runOfShard, type Shard, takesTurn } from '#molm/evaluation/shard.js'
import { parseShardJson, shardJson } from '#molm/evaluation/shard-json.js'
import { joinScores, type ShardScores } from '#molm/evaluation/shard-scores.js'
import { textScore } from '#molm/evaluation/text-score.js'
import { evaluateText, loadModel, type Model, parseTask, readText } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'

const test = suite<{ model: Model }>('shards of an evaluation')

test.before(async (context) => {
  context.model = await loadModel('nano', { quant: 'q4', threads: 1 })
})
test.after(({ model }) => model.dispose())

async function inputs() {
  const { text } = await readText(fixturePath('texts/dialogue.txt'))
  const task = parseTask(await readText(fixturePath('texts/definitions.jsonl')))
  const texts = [
    { name: 'a', text: text.slice(0, 600) },
    { name: 'b', text: text.slice(600, 800) },
  ]
  return { texts, task: { ...task, items: task.items.slice(0, 19), lines: task.lines.slice(0, 19) } }
}

/** The scores of a shard as its file has them, written and read again. */
async function scoresOf(model: Model, shard: Shard, against?: Model): Promise<ShardScores & { name: string }> {
  const { texts, task } = await inputs()
  const scores: ShardScores = { shard, model: 'nano', options: {}, texts: [], tasks: [] }
  if (against) scores.against = 'other'
  let before = 0
  for (const text of texts) {
    const takes = (index: number) => takesTurn(shard, before + index)
    const part = await scoreText(model, text, { window: 32, stride: 20, against, takes })
    before += part.windows
    scores.texts.push({ ...part, hash: text.name })
  }
  scores.tasks.push({ ...(await scoreTask(model, task, runOfShard(shard, task.items.length))), hash: 'task' })
  const name = `shard.${shard.number}`
  return { ...parseShardJson(Buffer.from(shardJson(scores)), name), name }
}

test('a comparison with another model is joined to the same bits, too', async ({ model }) => {
  const other = await loadModel('nano', { quant: 'q8', threads: 1 })
  try {
    const { texts } = await inputs()
    const shards = []
    for (const number of [1, 2]) shards.push(await scoresOf(model, { number, of: 2 }, other))
    const one = []
    for (const text of texts) one.push(await evaluateText(model, text, { window: 32, stride: 20, against: other }))
    assert.ok(one[0].against)
    assert.equal(joinScores(shards).texts.map(textScore), one)
  } finally {
    await other.dispose()
  }
})

test.run()
