import { basename } from 'node:path'
import { runOfShard, type Shard, takesTurn } from '../../evaluation/shard.js'
import type { TaskParts } from '../../evaluation/task-score.js'
import type { TextParts } from '../../evaluation/text-score.js'
import type { Model, NamedText, Task } from '../../index.js'
import { formatCount } from '../../numbers.js'
import { interruptSignal } from '../io/interrupt.js'
import { withProgress } from '../io/progress.js'
import type { ModelOptions } from '../parsing/options.js'
import type { Measured } from './eval-report.js'

export interface Measures {
  texts: NamedText[]
  tasks: Task[]
  files: NamedText[]
}

/** Scores of the windows and items that were measured. */
export interface MeasuredParts {
  model: string
  other?: string
  texts: TextParts[]
  tasks: TaskParts[]
}

export interface EvalOptions extends ModelOptions {
  text?: string[]
  task?: string[]
  window?: number
  stride?: number
  against?: string
  details?: boolean
  fewerExperts?: boolean
  budget?: number
  output?: string[]
  json?: boolean
  shard?: Shard
  join?: string[]
}

export async function measureParts(
  model: Model,
  { texts, tasks }: Measures,
  { window, stride, shard = { number: 1, of: 1 }, ...options }: EvalOptions,
  other?: Model,
): Promise<MeasuredParts> {
  const { scoreText } = await import('../../evaluation/evaluate-text.js')
  const { scoreTask } = await import('../../evaluation/evaluate-task.js')
  const signal = interruptSignal()
  const parts: MeasuredParts = { model: model.name, texts: [], tasks: [], ...(other && { other: other.name }) }
  /** Windows of the texts before. */
  let before = 0
  for (const text of texts) {
    const line = { ...options, label: basename(text.name), format: (all: number) => `${formatCount(all)} tokens` }
    const takes = (index: number) => takesTurn(shard, before + index)
    const part = await withProgress(line, (show) => {
      const onProgress = ({ tokens, of }: { tokens: number; of: number }) => show(tokens, of)
      return scoreText(model, text, { window, stride, against: other, takes, onProgress, signal })
    })
    before += part.windows
    parts.texts.push(part)
  }
  const run = runOfShard(
    shard,
    tasks.reduce((sum, { items }) => sum + items.length, 0),
  )
  let start = 0
  for (const task of tasks) {
    const line = { ...options, label: basename(task.name), format: (all: number) => `${all} items` }
    const place = (at: number) => Math.min(Math.max(at - start, 0), task.items.length)
    const share = { from: place(run.from), to: place(run.to) }
    const part = await withProgress(line, (show) =>
      scoreTask(model, task, { ...share, onProgress: ({ items, of }) => show(items, of), signal }),
    )
    start += task.items.length
    parts.tasks.push(part)
  }
  return parts
}

/** Adds up the parts of all windows and items. */
export async function measuredOf({ texts, tasks, ...names }: MeasuredParts): Promise<Measured> {
  const { textScore } = await import('../../evaluation/text-score.js')
  const { taskScore } = await import('../../evaluation/task-score.js')
  return { ...names, texts: texts.map(textScore), tasks: tasks.map(taskScore) }
}
