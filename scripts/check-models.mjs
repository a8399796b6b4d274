// Compares the table of models that have a short name with the hub: run it with a network, after `npm run build`.
//
//   node scripts/check-models.mjs [NAME...]
//
// For each row: both repositories exist and have the licence of the table, config.json has as many parameters as the
// shape, and the GGUF file has the size and the hash of the table. Prints a line for each row, and what differs. The exit
// code is 1 if anything does. If nothing does, set CHECKED in src/library/catalogue/model-rows.ts to this day.
import { pathToFileURL } from 'node:url'
import { MODEL_ROWS } from '../dist/library/catalogue/model-rows.js'
import { summariseParts } from '../dist/library/files/model-info.js'
import { chooseGguf, ggufChoices } from '../dist/library/hub/gguf-choice.js'
import { licenceIn } from '../dist/library/hub/licence.js'
import { HubClient } from '../dist/library/hub/transfer/client.js'
import { hubEnvironment } from '../dist/library/hub/transfer/environment.js'
import { HubRepository } from '../dist/library/hub/transfer/repository.js'
import { NETWORK_DEFAULTS } from '../dist/library/hub/transfer/retry.js'
import { parseConfig, publishedFormats } from '../dist/model/families/index.js'
import { publishedShape } from '../dist/model/families/published-shapes.js'

/** Lists what differs between a row and the hub. */
export async function differencesOf(row, network = NETWORK_DEFAULTS) {
  const environment = await hubEnvironment()
  const client = new HubClient({ environment, network })
  const differences = []
  const look = async (name, compare) => {
    try {
      await compare(await HubRepository.open(client, environment.endpoint, name, 'main'))
    } catch (error) {
      differences.push(error.message)
    }
  }
  const text = async (repository, name) => {
    const file = await repository.open(name)
    return new TextDecoder().decode(await file.read(0, file.size))
  }
  const compareLicence = async (repository) => {
    if (!(await repository.list()).includes('README.md')) return
    const licence = licenceIn(await text(repository, 'README.md'))?.name
    if (licence !== undefined && licence !== row.licence) differences.push(`${repository.name}: licence ${licence}`)
  }
  try {
    await look(row.checkpoint, async (repository) => {
      await compareLicence(repository)
      const config = parseConfig(JSON.parse(await text(repository, 'config.json')), `${repository.name}/config.json`)
      const [there, here] = [config, publishedShape(row.shape)].map(parametersOf)
      if (Math.abs(there / here - 1) > 0.005) differences.push(`${repository.name}: ${there} parameters, not ${here}`)
    })
    if (row.gguf) {
      const [name, tag] = row.gguf.source.split(':')
      await look(name, async (repository) => {
        await compareLicence(repository)
        const { folder, files } = chooseGguf(ggufChoices(repository.ggufFiles()), tag, name)
        const parts = files.map((file) => repository.file(folder === '' ? file : `${folder}/${file}`))
        const bytes = parts.reduce((sum, { size }) => sum + size, 0)
        if (bytes !== row.gguf.bytes) differences.push(`${row.gguf.source}: ${bytes} bytes, not ${row.gguf.bytes}`)
        const [{ hash }] = parts
        if (parts.length === 1 && hash.hex !== row.gguf.sha256) {
          differences.push(`${row.gguf.source}: sha256 ${hash.hex}, not ${row.gguf.sha256}`)
        }
      })
    }
  } finally {
    client.close()
  }
  return differences
}

function parametersOf(config) {
  const { parts } = summariseParts(config, publishedFormats(config, 'q4'))
  return parts.reduce((sum, { parameters }) => sum + parameters, 0)
}

async function main(names) {
  for (const row of MODEL_ROWS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const differences = await differencesOf(row)
    if (differences.length > 0) process.exitCode = 1
    process.stdout.write(`${row.name}: ${differences.length === 0 ? 'as the hub has it' : 'differs'}\n`)
    for (const difference of differences) process.stdout.write(`  ${difference}\n`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv.slice(2))
