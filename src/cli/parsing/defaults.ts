import type { GenerationSettings } from '../../api/generation-options.js'
import { terminalBackground } from '../../ground/output/colours.js'

export type Theme = 'dark' | 'light'

/** Values of the settings file and of a preset, for what the command line and the environment leave open. */
export interface Defaults {
  model?: string
  /** For conversations that begin; one that is continued has its own. */
  system?: string
  theme?: Theme
  /** Options of a generation that the command itself does not have. */
  generation?: Partial<GenerationSettings>
}

let known: Defaults = {}

/** The defaults of the command that runs. */
export function defaults(): Readonly<Defaults> {
  return known
}

export function setDefaults(values: Defaults): void {
  known = values
}

/** Background of the terminal. */
export function background(): Theme {
  return known.theme ?? terminalBackground()
}
