import type { Shard } from '../../evaluation/shard.js'
import type { ModelOptions } from '../parsing/options.js'

/** Options of `molm eval`. */
export interface EvalOptions extends ModelOptions {
  text?: string[]
  task?: string[]
  window?: number
  stride?: number
  against?: string
  details?: boolean
  fewerExperts?: boolean
  budget?: number
  output?: string[]
  json?: boolean
  shard?: Shard
  join?: string[]
}
