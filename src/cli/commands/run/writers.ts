import type { TimedModel } from '../with-model.js'
import { JsonLinesWriter } from './json-lines-writer.js'
import { JsonWriter } from './json-writer.js'
import type { RunOptions } from './run-options.js'
import type { RunWriter } from './run-writer.js'
import { TextWriter } from './text-writer.js'

/** Creates the writer that the options ask for. */
export function createRunWriter(options: RunOptions, loaded: TimedModel): RunWriter {
  if (options.json) return new JsonWriter(options, loaded)
  if (options.jsonl) return new JsonLinesWriter(options, loaded)
  return new TextWriter(options, loaded)
}
