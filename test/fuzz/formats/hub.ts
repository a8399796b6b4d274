import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { convertModel, pullModel } from '#molm/index.js'
import { HubServer } from '../../support/hub-server.js'
import type { Chance } from '../chance.js'
import { bytesOf, utf8 } from '../files.js'
import { expect, type Format } from '../format.js'
import { ANSWER_LIES, FILE_LIES, type Lie, strike } from '../lies.js'
import { tinyCheckpoint } from '../tiny-checkpoints.js'
import { tokenizerFiles } from '../tokenizer-files.js'

const [REPO, TOKEN, FILE] = ['org/model', 'hf_secret', 'model-f32.molm.safetensors']
/** File with the options of a pull and the faults of the hub. */
const PLAN = 'plan.json'

interface Pull {
  verify: boolean
  keep: boolean
  /** Extra names in the listing. */
  names: string[]
  lies: Lie[]
}

const NETWORK = { retryDelaysMs: [1, 1, 1], idleMs: 150 }

/** Pulls from a faulty hub: wrong listings, headers, redirects or bytes, or no answer at all. */
export const hub: Format = {
  name: 'hub',
  inputs: 200,
  // A pull waits for a silent hub, and retries several times.
  seconds: 10,
  async prepare(dir) {
    const checkpoint = await tinyCheckpoint(dir)
    const straight = join(dir, 'straight')
    await convertModel(checkpoint.dir, straight, { quant: 'f32', threads: 1 })
    const expected = dataOf(readFileSync(join(straight, FILE)))
    const homes = [process.env.MOLM_HOME, process.env.HF_HOME].map((home) => home ?? dir)
    const model = join(homes[0], 'models', REPO)
    process.env.HF_TOKEN = TOKEN

    return {
      mayWrite: () => homes,
      sound: (chance) => planned({ verify: chance.oneIn(2), keep: chance.oneIn(2), names: [], lies: [] }),

      harm(_, chance) {
        const names = chance.oneIn(4) ? [chance.pick(NAMES)] : []
        const length = names.length > 0 ? chance.below(2) : chance.between(1, 3)
        const lies = Array.from({ length }, () => lie(chance))
        for (const name of names) chance.note(`the listing has ${JSON.stringify(name)}`)
        return planned({ verify: chance.oneIn(2), keep: chance.oneIn(3), names, lies })
      },

      async read({ files }) {
        const { verify, keep, names, lies }: Pull = JSON.parse(new TextDecoder().decode(bytesOf(files, PLAN)))
        for (const home of homes) rmSync(home, { recursive: true, force: true })
        const served = [...checkpoint.files, ...tokenizerFiles()].map(([name]) => name)
        const server = await HubServer.start()
        try {
          const contents = new Map([...tokenizerFiles(), ...checkpoint.files])
          const buffers = new Map(served.map((name) => [name, Buffer.from(bytesOf(contents, name))]))
          server.repositories.set(REPO, {
            commit: 'a'.repeat(40),
            files: buffers,
            extraNames: names,
            gated: false,
            former: new Map(),
          })
          process.env.HF_ENDPOINT = server.endpoint
          strike(server, lies)
          const options = { threads: 1, quant: 'f32' as const, verify, keep, network: NETWORK }
          try {
            await pullModel(REPO, options)
          } catch (error) {
            const left = existsSync(model) ? readdirSync(model).filter((name) => !name.startsWith('.')) : []
            expect(left.length === 0, `it was refused, but ${left} exists`)
            throw error
          }
          const isTrusted = verify || keep || lies.every(({ kind }) => !BYTES_OF_ANY_KIND.includes(kind))
          const isRight = dataOf(readFileSync(join(model, FILE))).equals(expected)
          expect(isRight || !isTrusted, 'the model and the hub have different weights')
        } finally {
          await server.close()
          const told = server.seen.find(({ host, headers }) => host === 'storage' && headers.authorization)
          expect(!told, `the storage received the token (${told?.url})`)
        }
      },
    }
  },
}

/** Faults that may keep a range's length, so that only a hash reveals them. */
const BYTES_OF_ANY_KIND = ['otherBytes', 'otherLength']

const NAMES = [
  ...['../../../outside', '/tmp/outside', '__proto__', 'a/b/config.json', 'config.json', 'x\0y', '\u001b[2J', '', '..'],
  ...['model.safetensors/../../x', 'C:\\x', '.molm.partial', FILE, 'LICENSE/../../x', 'LICENSE\n', 'x'.repeat(5000)],
]

function lie(chance: Chance): Lie {
  const isAnswer = chance.oneIn(2)
  const kind = chance.pick(Object.keys(isAnswer ? ANSWER_LIES : FILE_LIES))
  const made: Lie = {
    kind,
    isAnswer,
    from: chance.below(chance.pick([1, 4, 20])),
    count: chance.pick([1, 1, 2, 1e6]),
    seed: chance.below(2 ** 32),
  }
  const { from, count, seed } = made
  chance.note(`${isAnswer ? 'answers' : 'files'}: ${kind}, ${count} times from the ${from + 1}. on (${seed})`)
  return made
}

function planned(pull: Pull) {
  return new Map([[PLAN, utf8(JSON.stringify(pull))]])
}

/** Weights of a packed file, without its header, which names the commit and source. */
function dataOf(file: Buffer): Buffer {
  return file.subarray(8 + Number(file.readBigUInt64LE(0)))
}
