// Pulls a model in a separate process, for tests that kill it. argv has the name, and the options as JSON.
import { pullModel } from '#molm/index.js'

const [name, options] = process.argv.slice(2)
await pullModel(name, {
  ...JSON.parse(options),
  onProgress: ({ phase }) => process.stdout.write(`${phase}\n`),
  onNote: (note) => process.stdout.write(`note ${note}\n`),
})
