import { useSyncExternalStore } from 'react'
import type { Chat } from '../conversation/chat.js'

/** Draws the component again whenever the chat has changed. */
export function useChat(chat: Chat): void {
  useSyncExternalStore(chat.subscribe, chat.getVersion)
}
