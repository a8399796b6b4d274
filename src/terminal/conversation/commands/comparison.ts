import type { GenerateOptions, PromptProgress } from '../../../api/generation.js'
import { eventsOf } from '../../../api/generation-events.js'
import type { Session } from '../../../api/session.js'
import { Answer } from '../../../engine/session/answer.js'
import type { Prompt } from '../../../engine/session/prompt.js'
import { type ComparedPart, changesSentence, wordChanges } from '../../../lab/experts/word-changes.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import { callInWords } from '../answers/call-words.js'
import type { Chat } from '../chat-state.js'
import type { ItemSpan } from '../items.js'

/** Answers to compare: with the masks before and after experts were switched off or steered, and what each is called. */
export interface ComparedMasks {
  before?: ExpertMask
  after: ExpertMask
  /** `with layer 3 mlp expert 5` and `without layer 3 mlp expert 5`. */
  names: readonly [before: string, after: string]
}

/** Shows the words that differ with another mask, in answers at temperature 0, outside the conversation. */
export async function compareAnswers(chat: Chat, { before, after, names }: ComparedMasks): Promise<void> {
  const { answers, conversation, model, options } = chat
  const { prefill } = conversation.parts
  const [first, second] = names.map((name) => `${name}, at temperature 0:`)
  const last = conversation.messages.at(-1)?.content.trim()
  const texts: string[] = []
  const answerWith = (head: string, mask?: ExpertMask) => {
    // A screen of lines could not take back what it has written.
    const begun = options.isPlain ? '' : `${head}\n${prefill}`
    return answers.follow(begun, async (watcher, generation) => {
      watcher.isLiteral = true
      const prompt = await conversation.promptAgain(watcher, generation)
      const show = (text: string) => {
        if (!options.isPlain) watcher.text(text, 'content')
      }
      const onPromptProgress = (progress: PromptProgress) => watcher.progress(progress)
      const session = model.createSession({ mask })
      try {
        texts.push(await answerAside(session, prompt, prefill, show, { ...generation, onPromptProgress }))
      } finally {
        session.dispose()
      }
    })
  }
  const { greedyText } = answers
  if (greedyText !== undefined) texts.push(greedyText)
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

/** Answers a prompt at temperature 0. Returns the content and the calls of the answer. */
async function answerAside(
  session: Session,
  { ids, stop, reading, limits }: Prompt,
  begun: string,
  show: (text: string) => void,
  options: GenerateOptions,
): Promise<string> {
  const answer = new Answer({ ...reading, begun })
  const all = [...stop, ...(options.stop ?? [])]
  const generation = session.generate(ids, { ...options, ...limits, temperature: 0, stop: all })
  for await (const { step, result } of eventsOf(answer.read(generation))) {
    for (const event of (step ?? result).events) if (event.kind === 'content') show(event.text)
  }
  const { content, toolCalls = [] } = answer.message
  return [content, ...toolCalls.map(callInWords)].join('\n').trim()
}

function spansOf(head: string, parts: readonly ComparedPart[]): ItemSpan[] {
  return [{ text: `${head}\n`, isDim: true }, ...parts.map(({ text, differs }) => ({ text, differs }))]
}
