import type { Command } from 'commander'
import { resultOf } from '../../../api/generation-events.js'
import type { Model } from '../../../api/model.js'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { withStatusLine } from '../../../cli/io/status-line.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { writePrompt } from '../../../engine/session/prompt.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { expertsThatMatter } from '../../../insight/matters/experts-that-matter.js'
import { mattersCsv, mattersObject } from '../../../insight/matters/matters-forms.js'
import { drawMatters } from '../../../insight/pictures/kinds/matters-figure.js'
import { checkLanguageModel } from '../../../insight/texts/check-language-model.js'
import { useSession } from '../../../insight/texts/reading.js'
import type { NamedText } from '../../../insight/texts/text-file.js'
import type { ExpertsOptions, Report } from './mode.js'

export const own = ['budget', 'token'] as const

/** Most tokens of the answer: each is read again for every expert. */
const MOST_TOKENS = 128

export function define(command: Command): void {
  command
    .optionsGroup('Experts that matter:')
    .option(
      '--matters',
      'answer the text as molm run does, at temperature 0, and list the experts whose absence changes the answer most; ' +
        '--budget tries more experts of a large model, --token takes a token of the answer',
    )
}

/** Report on the experts that matter for the answer to a text. */
export async function report({ token, ...options }: ExpertsOptions, [{ text }]: NamedText[]): Promise<Report> {
  if (token && token.length > 1) throw new UsageError('with --matters, --token takes one number')
  const signal = interruptSignal()
  return withModel(options, async ({ model }) => {
    checkLanguageModel(model)
    const matters = await withStatusLine(options, async (line) => {
      const { prompt, answer } = await answerOf(model, text, signal)
      const onProgress = ({ done, of }: { done: number; of: number }) => line.refresh(() => `${done} of ${of} readings`)
      return expertsThatMatter(model, prompt, answer, {
        ...{ token: token?.[0], budgetMs: options.budget, onProgress, signal },
      })
    })
    return {
      figure: (chosen) => drawMatters(matters, { question: text, ...chosen }),
      json: () => [`${JSON.stringify(mattersObject(matters))}\n`],
      csv: () => mattersCsv(matters),
    }
  })
}

async function answerOf(model: Model, text: string, signal: AbortSignal) {
  const isAsked = model.chatTemplate !== undefined
  const said = isAsked ? { messages: [{ role: 'user', content: text }] } : { messages: [], text }
  const { ids: prompt, stop } = await writePrompt(model, said, {}, { signal })
  const options = { temperature: 0, repeatPenalty: 1, maxTokens: MOST_TOKENS, stop, signal }
  const { tokens } = await useSession(model, (session) => resultOf(session.generate(prompt, options)))
  if (tokens.length === 0) throw new UserError('the model answers nothing')
  return { prompt, answer: tokens }
}
