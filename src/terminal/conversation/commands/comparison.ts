import type { GenerateOptions } from '../../../api/generation.js'
import { eventsOf } from '../../../api/generation-events.js'
import type { Model } from '../../../api/model.js'
import { Answer } from '../../../engine/session/answer.js'
import type { Prompt } from '../../../engine/session/prompt.js'
import { type ComparedPart, changesSentence, wordChanges } from '../../../lab/experts/word-changes.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import { callInWords } from '../answers/call-words.js'
import type { AnswerWatcher } from '../answers/running-answer.js'
import type { Chat } from '../chat-state.js'
import type { ItemSpan } from '../items.js'

/** Answers to compare: with the masks before and after experts were switched off, named in words. */
export interface ComparedMasks {
  before?: ExpertMask
  after: ExpertMask
  name: string
}

/** Shows in which words answers with and without experts differ: at temperature 0, outside the conversation. */
export async function compareAnswers(chat: Chat, { before, after, name }: ComparedMasks): Promise<void> {
  const { answers, conversation, model, options } = chat
  const { prefill } = conversation.parts
  const [first, second] = [`with ${name}, at temperature 0:`, `without ${name}, at temperature 0:`]
  const last = conversation.messages.at(-1)?.content.trim()
  const texts: string[] = []
  const answerWith = (head: string, mask?: ExpertMask) => {
    // A screen of lines could not take back what it has written.
    const begun = options.isPlain ? '' : `${head}\n${prefill}`
    const shown = options.isPlain ? () => undefined : undefined
    return answers.follow(begun, async (watcher, generation) => {
      watcher.isLiteral = true
      const prompt = await conversation.promptAgain(watcher, generation)
      texts.push(await answerAside(model, mask, prompt, { ...generation, watcher, shown, prefill }))
    })
  }
  const { greedyText } = answers
  if (greedyText !== undefined) texts.push(greedyText)
  else if (!(await answerWith(first, before))) return
  if (!(await answerWith(second, after))) return
  const [one, other] = texts.map((text) => text.trim())
  const changes = wordChanges(one, other)
  const sentence = `without ${name}: ${changesSentence(changes)}`
  if (changes.changed === 0) {
    // The answer above may have been sampled.
    if (one !== last) chat.say('answer', `${first}\n${one}`, { spans: spansOf(first, changes.before) })
    return chat.say('note', `${sentence}, at temperature 0`)
  }
  chat.say('answer', `${first}\n${one}`, { spans: spansOf(first, changes.before) })
  chat.say('answer', `${second}\n${other}`, { spans: spansOf(second, changes.after), footer: sentence })
}

interface AsideOptions extends GenerateOptions {
  prefill: string
  watcher: AnswerWatcher
  /** Takes the text in place of the watcher. */
  shown?: (text: string) => void
}

/** Answers a prompt in a new session, at temperature 0. Returns the content and the calls of the answer. */
async function answerAside(
  model: Model,
  mask: ExpertMask | undefined,
  { ids, stop, reading, limits }: Prompt,
  { watcher, shown = (text) => watcher.text(text, 'content'), prefill, ...options }: AsideOptions,
): Promise<string> {
  const session = model.createSession({ mask })
  try {
    const answer = new Answer({ ...reading, begun: prefill })
    const generation = session.generate(ids, {
      ...options,
      ...limits,
      temperature: 0,
      stop: [...stop, ...(options.stop ?? [])],
      onPromptProgress: (progress) => watcher.progress(progress),
    })
    for await (const { step, result } of eventsOf(answer.read(generation))) {
      for (const event of (step ?? result).events) if (event.kind === 'content') shown(event.text)
    }
    const { content, toolCalls = [] } = answer.message
    return [content, ...toolCalls.map(callInWords)].join('\n').trim()
  } finally {
    session.dispose()
  }
}

function spansOf(head: string, parts: readonly ComparedPart[]): ItemSpan[] {
  return [{ text: `${head}\n`, isDim: true }, ...parts.map(({ text, differs }) => ({ text, differs }))]
}
