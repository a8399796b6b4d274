import type { Asking } from '../../api/ask-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import type { KeptMask } from '../../chat/conversations/conversation-state.js'
import type { OfferedTool } from '../../engine/session/run-calls.js'
import type { ColourDepth } from '../../ground/output/colours.js'
import type { Atlas } from '../../lab/experts/atlas/atlas.js'
import type { Background } from '../../lab/pictures/blocks/ramps.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import type { InputHistory } from '../input/history.js'
import type { KeepOptions } from './keeper.js'

/** The start of a conversation, as the command line gives it. */
export interface ChatBeginning {
  system: string
  prefill: string
  messages: readonly ChatMessage[]
  args: Readonly<Record<string, unknown>>
  /** Texts to put before the first question. */
  files: readonly string[]
  /** How the model is asked. Default: as it does without options. */
  asking?: Asking
  /** Experts that are off in a conversation that is continued. */
  mask?: KeptMask
}

/** A tool, and the server that it is from. */
export type ChatTool = OfferedTool & { server?: string; hasEnded?: boolean }

export interface ChatOptions extends KeepOptions {
  history: InputHistory
  depth: ColourDepth
  /** Whether the terminal only takes lines, as with TERM=dumb: it has no map and no keys. */
  isPlain?: boolean
  /** The terminal's background, as far as the environment shows. */
  background?: Background
  /** The same by the user's word, which the terminal does not correct. */
  theme?: Background
  atlas?: Atlas
  mask?: ExpertMask
  /** Tools that the model may call; the list may change. */
  tools?: () => readonly ChatTool[]
  /** Whether a tool may run without a question. Default: none may. */
  isAllowed?: (tool: string) => boolean
  modelNames?: readonly string[]
  generation: GenerateOptions
  /** Reads a JSON Schema, or the file that the text names. */
  readSchema?: (text: string) => Promise<unknown>
  loadModel: (name: string, onWarning?: (message: string) => void) => Promise<Model>
}

/** The terminal of a chat, for what is more than drawing. */
export interface ChatTerminal {
  readonly size: Readonly<{ columns: number; rows: number }>
  /** Writes a sequence that changes nothing on the screen. */
  send(sequence: string): void
  /** Hands the terminal over until the work is done. Nothing is drawn meanwhile, and keys are not read. */
  lend<T>(work: () => Promise<T>): Promise<T>
}
