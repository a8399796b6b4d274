import { UsageError } from '../../../ground/errors.js'
import { expertsThatMatter, type Matters } from '../../../insight/matters/experts-that-matter.js'
import { mattersLines, triedInWords } from '../../../insight/matters/matters-forms.js'
import { maskSpecOf } from '../../../insight/usage/awake.js'
import { quoted } from '../../../insight/word-changes.js'
import { isUnread, readAgain } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'
import { idsOfToken } from './lens.js'

/** Experts in a list. */
const LISTED = 5
/** Search without a word of its progress. */
const QUIET_MS = 1000

/** Finds the experts that matter for the answer around the token of the walk, and lists them. */
export async function showMatters(chat: Chat): Promise<void> {
  const { tokens, shownIndex } = chat.map
  const matters = await findMatters(chat, shownIndex, !tokens[shownIndex].isQuestion)
  const [first] = matters?.group?.experts ?? matters?.experts ?? []
  if (first) chat.map.point(first)
  chat.changed()
}

/** The masks that leave out what matters most for the last answer; undefined if nothing was found. */
export async function bestMask(chat: Chat): Promise<string[] | undefined> {
  if (!chat.turns.latest && isUnread(chat) && !(await readAgain(chat))) return undefined
  const matters = await findMatters(chat, chat.map.tokens.length - 1, false)
  const [first] = matters?.experts ?? []
  const found = matters?.group?.experts ?? (first?.changes ? [first] : [])
  return found.length > 0 ? found.map(maskSpecOf) : undefined
}

async function findMatters(chat: Chat, index: number, isToken: boolean): Promise<Matters | undefined> {
  const { model, conversation, map } = chat
  const { ids, at } = idsOfToken(chat, index)
  const { tokens } = map
  const first = tokens.findIndex(({ isQuestion }, i) => i >= index && !isQuestion)
  if (first < 0) throw new UsageError('there is no answer here')
  // The answer that the token is in, or that follows it.
  const start = tokens.findLastIndex(({ isQuestion }, i) => i < first && isQuestion) + 1
  const end = tokens.findIndex(({ isQuestion }, i) => i > first && isQuestion)
  const [from, to] = [at - index + start, at - index + (end < 0 ? tokens.length : end)]
  let matters: Matters | undefined
  const started = performance.now()
  await chat.run(async ({ signal }) => {
    matters = await expertsThatMatter(model, ids.slice(0, from), ids.slice(from, to), {
      ...{ mask: conversation.mask, signal, ...(isToken && { token: at - from }) },
      onProgress({ done, of }) {
        const isLong = performance.now() - started > QUIET_MS
        if (isLong) chat.show({ kind: 'search', text: `leaving out experts: ${done} of ${of} readings` })
      },
    })
    const answer = quoted(matters.answer)
    const whole = isToken ? `${quoted(tokens[index].text.trim())} in ${answer}` : answer
    chat.say('note', [`for ${whole}`, ...mattersLines(matters, LISTED), triedInWords(matters)].join('\n'))
  })
  return matters
}
