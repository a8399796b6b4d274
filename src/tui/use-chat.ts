import { useSyncExternalStore } from 'react'
import type { Chat } from './chat.js'

/** Draws the component again whenever the chat has changed. */
export function useChat(chat: Chat): void {
  useSyncExternalStore(chat.subscribe, chat.getVersion)
}
