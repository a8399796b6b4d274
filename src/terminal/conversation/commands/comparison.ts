import type { GenerateOptions } from '../../../api/generation.js'
import { eventsOf } from '../../../api/generation-events.js'
import { settle } from '../../../api/generation-options.js'
import type { Session } from '../../../api/session.js'
import { Answer } from '../../../engine/session/answer.js'
import type { Prompt } from '../../../engine/session/prompt.js'
import { type ComparedPart, changesSentence, wordChanges } from '../../../insight/word-changes.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import { noteLeftOut, originOf } from '../answers/ask.js'
import type { Chat } from '../chat-state.js'
import { callInWords } from '../state/call-words.js'
import type { ItemSpan } from '../state/items.js'

/** Answers to compare: with the masks before and after experts were switched off or steered, and what each is called. */
export interface ComparedMasks {
  before?: ExpertMask
  after: ExpertMask
  /** `with layer 3 mlp expert 5` and `without layer 3 mlp expert 5`. */
  names: readonly [before: string, after: string]
}

/** Shows the words that differ with another mask, in answers at temperature 0, outside the conversation. */
export async function compareAnswers(chat: Chat, { before, after, names }: ComparedMasks): Promise<void> {
  const { conversation, model, options } = chat
  const { prefill } = conversation.parts
  const [first, second] = names.map((name) => `${name}, at temperature 0:`)
  const last = conversation.messages.at(-1)?.content.trim()
  const texts: string[] = []
  const answerWith = (head: string, mask?: ExpertMask) => {
    const work = async (generation: GenerateOptions) => {
      const prompt = await conversation.promptAgain(generation)
      noteLeftOut(chat, prompt)
      const session = model.createSession({ mask })
      try {
        texts.push(await answerAside(chat, session, prompt, generation))
      } finally {
        session.dispose()
      }
    }
    // A screen of lines could not take back what it has written.
    return chat.run(work, { text: options.isPlain ? '' : `${head}\n${prefill}`, isLiteral: true })
  }
  const greedy = greedyText(chat)
  if (greedy !== undefined) texts.push(greedy)
  else if (!(await answerWith(first, before))) return
  if (!(await answerWith(second, after))) return
  const [one, other] = texts.map((text) => text.trim())
  const changes = wordChanges(one, other)
  const sentence = `${names[1]}: ${changesSentence(changes)}`
  if (changes.changed === 0) {
    // The answer above may have been sampled.
    if (one !== last) chat.say('answer', `${first}\n${one}`, { spans: spansOf(first, changes.before) })
    return chat.say('note', `${sentence}, at temperature 0`)
  }
  chat.say('answer', `${first}\n${one}`, { spans: spansOf(first, changes.before) })
  chat.say('answer', `${second}\n${other}`, { spans: spansOf(second, changes.after), footer: sentence })
}

/** The last answer, if the same options would give it again at temperature 0. */
function greedyText(chat: Chat): string | undefined {
  const { latest, model, settings } = chat
  const isGreedy = settle(settings.generation, model.generationDefaults, { seed: 0 }).temperature === 0
  if (!isGreedy || latest?.origin !== originOf(chat)) return undefined
  const { message, continues, calls, finishReason } = latest.answer
  return continues || calls || finishReason === 'interrupted' ? undefined : message.content
}

/** Answers a prompt at temperature 0. Returns the content and the calls of the answer. */
async function answerAside(
  chat: Chat,
  session: Session,
  { ids, stop, reading, limits }: Prompt,
  options: GenerateOptions,
): Promise<string> {
  const answer = new Answer({ ...reading, begun: chat.conversation.parts.prefill })
  const all = [...stop, ...(options.stop ?? [])]
  const generation = session.generate(ids, { ...options, ...limits, temperature: 0, stop: all })
  for await (const { step, result } of eventsOf(answer.read(generation))) {
    const events = (step ?? result).events.filter(({ kind }) => kind === 'content')
    if (!chat.options.isPlain) chat.show({ kind: 'token', events, part: 'content' })
  }
  const { content, toolCalls = [] } = answer.message
  return [content, ...toolCalls.map(callInWords)].join('\n').trim()
}

function spansOf(head: string, parts: readonly ComparedPart[]): ItemSpan[] {
  return [{ text: `${head}\n`, isDim: true }, ...parts.map(({ text, differs }) => ({ text, differs }))]
}
