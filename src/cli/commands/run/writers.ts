import type { TimedModel } from '../with-model.js'
import type { RunOptions } from './run-options.js'
import type { RunWriter } from './run-writer.js'
import { TextWriter } from './text-writer.js'

/** Creates the writer that the options ask for. Those of JSON are imported on demand, since most runs print text. */
export async function createRunWriter(options: RunOptions, loaded: TimedModel): Promise<RunWriter> {
  if (options.json) {
    const { JsonWriter } = await import('./json-writer.js')
    return new JsonWriter(options, loaded)
  }
  if (options.jsonl) {
    const { JsonLinesWriter } = await import('./json-lines-writer.js')
    return new JsonLinesWriter(options, loaded)
  }
  return new TextWriter(options, loaded)
}
