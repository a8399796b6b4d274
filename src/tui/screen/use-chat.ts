import { useSyncExternalStore } from 'react'
import type { ChatView } from '../conversation/chat-view.js'

/** Draws the component again when the chat changes. */
export function useChat(chat: ChatView): void {
  useSyncExternalStore(chat.subscribe, chat.getVersion)
}
