import type { MemoryStats, Model } from '../../api/model.js'
import type { InputView } from '../input/input-line.js'
import type { CellPainter } from '../map/cell-painter.js'
import type { TokenMap } from '../map/token-map.js'
import type { ChatItem } from './items.js'

/** 'working' is a command that takes its time. */
export type ChatState = 'idle' | 'answering' | 'working' | 'ended'

/** A chat as a screen draws it. */
export interface ChatView {
  readonly items: readonly ChatItem[]
  readonly state: ChatState
  /** Text of the running answer so far. */
  readonly answer: string
  /** Whether Markdown in answers is drawn. */
  readonly drawsMarkdown: boolean
  /** Whether the running answer is shown as written: it has a form of its own, or will be coloured or compared. */
  readonly isLiteral: boolean
  /** Thoughts that come now, with a line about them; absent once they are over. */
  readonly thought?: Readonly<{ text: string; running: string }>
  /** Whether running thoughts are shown as far as they fit, rather than in two lines. */
  readonly areThoughtsOpen: boolean
  /** Work of the model or of a tool, in words; absent when idle. */
  readonly activity?: string
  /** Name of the tool that the user is asked about. */
  readonly askedTool?: string
  /** Progress of reading a long prompt, in words; absent once the answer begins. */
  readonly reading?: string
  /** Tokens per second of the last answer. */
  readonly speed?: number
  readonly model: Pick<Model, 'name' | 'info' | 'config'>
  /** Tokens in the conversation's cache. */
  readonly contextLength: number
  readonly memory?: MemoryStats
  readonly map: TokenMap
  /** Whether the answers so far are not on the map, and a walk reads them again. */
  readonly isUnread: boolean
  readonly painter: CellPainter
  readonly input: InputView
  /** A question to show in the empty input, which Tab takes. */
  readonly placeholder?: string
  /** Number of messages that wait for their turn. */
  readonly queued: number
  /** Whether the last answer is being replayed on the map. */
  readonly isPlaying: boolean
  /** Whether the next Ctrl-C leaves. */
  readonly isLeaving: boolean
  /** Calls `listener` when the chat is to be drawn again, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void
  /** Changes with everything that is to be drawn. */
  readonly getVersion: () => number
}
