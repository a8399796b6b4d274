import type { AskOptions } from '../../api/chat-options.js'
import type { Grammar, GuidePhase, GuideSpec } from '../../api/guide.js'
import type { ResponseTemplate } from '../../api/response.js'
import { type CallGuide, choice, optional, sequence } from '../answers/call-grammar.js'
import { callGuide } from '../answers/call-guide.js'
import { literalsOf, type ThinkingForm } from '../answers/thinking-form.js'
import { type Asked, ToolError } from './asked.js'
import { isMessage, type PromptThoughts } from './prompt-thoughts.js'

export interface AnswerGuideOptions extends Asked, Pick<AskOptions, 'think' | 'thinkBudget' | 'parallelToolCalls'> {
  text: string
  /** Name of the model, for errors. */
  model: string
  response?: ResponseTemplate
  /** Form of the thoughts, if the model thinks. */
  form?: ThinkingForm
  /** Thoughts at the end of the prompt; absent if the model does not think, or if an answer continues. */
  thoughts?: PromptThoughts
}

/** The guide of an answer; undefined if nothing is limited. Throws a ToolError if calls cannot be limited as asked. */
export function answerGuide(options: AnswerGuideOptions): GuideSpec | undefined {
  const calls = callsOf(options)
  const { text, content, thoughts, thinkBudget } = options
  const thinks = thoughts !== undefined && thoughts.place !== 'closed' && options.think !== 'off'
  if (!calls && !content && (!thinks || thinkBudget === undefined)) return undefined
  // Messages of thoughts have a header between the prompt and the content.
  const isNext = !thinks || (thoughts.place === 'ahead' && options.form !== undefined && !isMessage(options.form))
  const answer = content && isNext ? { ...options, content: behind(text, content) } : options
  return { phases: [...(thinks ? thinkingPhases(options, calls) : []), ...answerPhases(answer, calls)] }
}

/**
 * The content of an answer behind a prompt. If the prompt ends with a word or a sign, such as "Assistant:", the model may
 * begin with a blank, which is no part of the answer: without it, the model reads what it was not trained on.
 */
function behind(prompt: string, content: Grammar): Grammar {
  return /[^\s>]$/.test(prompt) ? sequence(optional({ kind: 'text', text: ' ' }), content) : content
}

/** The guide of an answer that is only content, behind plain turns. */
export function plainGuide(prompt: string, content: Grammar): GuideSpec {
  return { phases: [{ kind: 'grammar', grammar: behind(prompt, content) }] }
}

function callsOf({
  model,
  response,
  tools,
  toolChoice,
  content,
  ...options
}: AnswerGuideOptions): CallGuide | undefined {
  if (tools.length === 0) return undefined
  const parallel = options.parallelToolCalls ?? true
  const calls = callGuide(response, tools, { choice: toolChoice, parallel })
  if (!calls && (toolChoice !== 'auto' || content)) {
    const asked = toolChoice === 'auto' ? 'have tools and a given form' : 'be made to call'
    throw new ToolError(`${model} cannot ${asked}: no grammar describes its calls of these tools`)
  }
  return calls
}

/** Thoughts are free, up to their closer. */
function thinkingPhases(options: AnswerGuideOptions, calls?: CallGuide): GuidePhase[] {
  const { form, thoughts, think, thinkBudget, content, toolChoice } = options
  if (!form) return []
  const isForced = content !== undefined || (calls && toolChoice !== 'auto') || thinkBudget !== undefined
  // Messages of thoughts and of calls have different headers: thoughts never contain a call.
  if (isMessage(form) && !isForced) return []
  const isOpen = thoughts?.place === 'open'
  const begins = isOpen || isMessage(form) || think !== undefined
  const close = isMessage(form) ? form.close : `\n${form.close}`
  return [
    ...(begins && !isOpen ? [forced(form.open)] : []),
    {
      kind: 'free',
      until: [form.close],
      ...(!begins && { open: form.open }),
      ...(thinkBudget !== undefined && { budget: thinkBudget, close }),
    },
    ...(begins && form.next !== '' ? [forced(form.next)] : []),
  ]
}

/** Content, calls, or one of them. */
function answerPhases(options: AnswerGuideOptions, calls?: CallGuide): GuidePhase[] {
  const { content, toolChoice, parallelToolCalls = true, thoughts, form, response } = options
  const written = response?.fields.content && literalsOf(response.fields.content).open
  const opener = thoughts?.opensContent ? '' : (form?.content ?? written ?? '')
  if (calls && toolChoice !== 'auto') return [{ kind: 'grammar', grammar: calls.calls }]
  if (calls && content) {
    const answer = opener === '' ? content : sequence(opener, content)
    return [{ kind: 'grammar', grammar: choice([calls.calls, answer]) }]
  }
  if (calls) return [{ kind: 'calls', triggers: calls.triggers, ...(!parallelToolCalls && { once: true }) }]
  // A header is forced only if its place is certain: at the beginning, or behind thoughts that are forced, too.
  const rest: GuidePhase = content ? { kind: 'grammar', grammar: content } : { kind: 'free', until: [] }
  return opener === '' || options.tools.length > 0 ? [rest] : [forced(opener), rest]
}

function forced(text: string): GuidePhase {
  return { kind: 'forced', text }
}
