import { scoreTask } from '#molm/evaluation/evaluate-task.js'
import { scoreText } from '#molm/evaluation/evaluate-text.js'
import { runOfShard, type Shard, takesTurn } from '#molm/evaluation/shard.js'
import { parseShardJson, shardJson } from '#molm/evaluation/shard-json.js'
import type { ShardScores } from '#molm/evaluation/shard-scores.js'
import { type Model, parseTask, readText } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'

export async function inputs() {
  const { text } = await readText(fixturePath('texts/dialogue.txt'))
  const task = parseTask(await readText(fixturePath('texts/definitions.jsonl')))
  const texts = [
    { name: 'a', text: text.slice(0, 600) },
    { name: 'b', text: text.slice(600, 800) },
  ]
  return { texts, task: { ...task, items: task.items.slice(0, 19), lines: task.lines.slice(0, 19) } }
}

/** The scores of a shard as its file has them, written and read again. */
export async function scoresOf(model: Model, shard: Shard, against?: Model): Promise<ShardScores & { name: string }> {
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
