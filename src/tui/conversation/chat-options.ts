import type { GenerateOptions } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import type { ColourDepth } from '../../terminal/colours.js'
import type { InputHistory } from '../input/history.js'
import type { Background } from '../map/ramps.js'
import type { HelpRow } from './help.js'

/** A finished piece of the conversation, for the terminal's scrollback. */
export interface ChatItem {
  id: number
  /** 'command' is one as it was typed. */
  kind: 'user' | 'command' | 'answer' | 'note' | 'error'
  text: string
  /** Stand above the text. */
  rows?: readonly HelpRow[]
}

/** What a conversation begins with. */
export interface ChatBeginning {
  system: string
  prefill: string
  messages: readonly ChatMessage[]
  /** Values for the chat template. */
  args: Readonly<Record<string, unknown>>
  /** Texts that go before the first question. */
  files: readonly string[]
}

export interface ChatOptions {
  history: InputHistory
  depth: ColourDepth
  /** Whether the terminal only takes lines, as with TERM=dumb: there is no map, and no keys. */
  isPlain?: boolean
  /** What the terminal draws on, as far as the environment tells. */
  background?: Background
  /** Most tokens per second of an answer; absent, as fast as it goes. */
  pace?: number
  /** Names of models on this computer. */
  modelNames?: readonly string[]
  /** Options of generation from the command line. */
  generation: GenerateOptions
  loadModel: (name: string, onWarning?: (message: string) => void) => Promise<Model>
}
