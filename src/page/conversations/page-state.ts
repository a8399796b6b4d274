import type { KeptFile } from '../../api/kept-file.js'
import type { ModelInfo } from '../../api/model.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { Exchange } from '../answers/exchange.js'
import type { Compared } from '../answers/kept-form.js'
import type { Store } from '../elements/store.js'
import type { Caption } from '../experts/experts-panel.js'
import type { ChangedExpert } from '../experts/places.js'
import type { Swatch } from '../experts/text-colouring.js'
import type { PageModel } from '../requests/routes.js'
import type { Settings, WrongSetting } from '../requests/settings.js'

export const VIEWS = ['chat', 'compare'] as const
export type View = (typeof VIEWS)[number]

/** An exchange of the branch that is shown, and its number among the branches at its place, from 1 on. */
export interface Shown {
  exchange: Exchange
  branch: number
  branches: number
}

/** Everything that the page shows, but for the texts of answers and the map, which grow in elements of their own. */
export interface PageState {
  view: View
  /** The names of the server's models, with their states. */
  models: readonly { name: string; label: string }[]
  /** The model that answers, and the names of its experts; none before they have come. */
  model: PageModel
  atlas?: Atlas
  /** Names of models on the server's computer that it does not serve. */
  others: readonly string[]
  /** Whether questions can be sent. */
  isReady: boolean
  isRunning: boolean
  path: readonly Shown[]
  /** A comparison that is coming, below the last answer. */
  comparing?: Compared
  /** Times that the end of the conversation was to be shown. */
  jumps: number
  /** The text in the field for messages. */
  message: string
  /** Texts of files to put before the next message. */
  files: readonly { name: string; text: string }[]
  /** Why the last request failed. */
  alert: string
  settings: Settings
  wrong?: WrongSetting
  /** Experts that the user has switched off or steers. */
  changed: readonly ChangedExpert[]
  isMapOpen: boolean
  caption: Caption
  /** The property that colours the text. */
  colour: string
  legend: readonly Swatch[]
  /** Whether the marks of Markdown are shown. */
  isAsWritten: boolean
  /** Why the conversation is not kept, or what has become of it in another tab. */
  keptNote: string
  /** Absent on the page of a server. */
  inTab?: EngineInTab
  isListOpen: boolean
  isSettingsOpen: boolean
  /** Whether the map has numbers beside it. */
  hasNumbers: boolean
  listChanges: number
}

/** An engine in the tab, and what the browser keeps for it. */
export interface EngineInTab {
  /** Sentences about its place and its threads. */
  about: string
  weights: Pick<ModelInfo, 'bytes' | 'parts'>
  /** Address of its weights. */
  file: string
  kept(): Promise<KeptFile[]>
  removeKept(address: string): Promise<void>
}

export type PageStore = Store<PageState>
