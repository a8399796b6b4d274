import type { Chat } from '../chat-state.js'

/** Maximum tokens to read again without being asked to. */
const QUICK = 256

/** Whether the answers so far are not on the map, but could be. */
export function isUnread({ turns, model }: Chat): boolean {
  return turns.isUnread && model.config.mixtures.length > 0
}

/**
 * Reads the last answers again and shows their tokens on the map. Given `most`, it is a service that the user did not
 * ask for: if more tokens have to be read, or it fails, it does nothing. False if the answers are not shown.
 */
export async function readAgain(chat: Chat, most?: number): Promise<boolean> {
  const { conversation, model, turns } = chat
  let isShown = false
  await chat.run(async ({ signal, onPromptProgress }) => {
    const read = await conversation.readAgain({ most, signal, onPromptProgress }).catch((error) => {
      if (most === undefined || signal?.aborted) throw error
      return undefined
    })
    if (read) turns.fill(read, (token) => model.tokenizer.decode([token]))
    isShown = read !== undefined
  })
  return isShown
}

/** Shows the tokens of answers that were not written here on the map, if few have to be read. */
export async function showFewAnswers(chat: Chat): Promise<void> {
  if (isUnread(chat)) await readAgain(chat, QUICK)
}
