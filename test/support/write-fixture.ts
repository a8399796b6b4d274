import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inOneRow } from './compare.js'
import type { StoredFloats } from './expected.js'
import { type FamilyCase, seedOf } from './family-case.js'
import { FAMILY_CASES } from './family-cases.js'
import { meanCrossEntropy } from './log-softmax.js'
import { integers } from './random.js'
import { type Chosen, largest } from './reference-families.js'
import { randomTensors, writeTensors } from './synthetic-checkpoint.js'

/*
 * Writes a case of a family as a fixture: random weights, and the results of its reference in double precision. For a
 * family whose own code cannot run here:
 *   node build/test/support/write-fixture.js "mellum: dense layers alone" test/fixtures/203-mellum-dense-f32
 */

/** Lengths of the prompts. */
const PROMPTS = { p1: 1, p7: 7, p33: 33, p70: 70 }
/** Prompts with all logits, and those with greedy text. */
const [WHOLE, CONTINUED] = [
  ['p1', 'p7'],
  ['p7', 'p33'],
]
const GREEDY = 16

/** Writes config.json, model.safetensors and expected.json to a folder, which it makes. */
export async function writeFixture(folder: string, { name, keys, weights, reference }: FamilyCase): Promise<void> {
  const seed = seedOf(name)
  const vocabulary = Number(keys.vocab_size)
  const written = randomTensors(keys, seed, weights)
  const tensors = new Map([...written].map(([key, { values }]) => [key, values]))
  const prompts = Object.entries(PROMPTS).map(([prompt, length], i) => {
    const tokens = integers(length, seed + i, vocabulary)
    return { prompt, tokens, ...reference(tensors, tokens) }
  })
  const by = <T>(resultOf: (one: (typeof prompts)[number]) => T | undefined, names = Object.keys(PROMPTS)) =>
    Object.fromEntries(prompts.filter(({ prompt }) => names.includes(prompt)).map((one) => [one.prompt, resultOf(one)]))
  const next = (tokens: number[]) => largest([...(reference(tensors, tokens).logits.at(-1) ?? [])], 1)[0]
  const greedy = (prompt: readonly number[]) => {
    const tokens = [...prompt]
    while (tokens.length < prompt.length + GREEDY) tokens.push(next(tokens))
    return tokens.slice(prompt.length)
  }
  const expected = {
    what: name,
    made_by: 'test/support/write-fixture.ts, in double precision',
    prompts: by(({ tokens }) => tokens),
    last_logits: by(({ logits }) => stored(logits.slice(-1), [vocabulary])),
    all_logits: by(({ logits }) => stored(logits, [logits.length, vocabulary]), WHOLE),
    block_outputs_last: by(({ hidden }) => hidden && stored(hidden, [hidden.length, hidden[0].length])),
    routing: by(({ chosen }) => chosen.map((rows) => (rows.length > 0 ? { mlp: routesOf(rows) } : {}))),
    greedy: by(({ tokens }) => ({ ids: greedy(tokens) }), CONTINUED),
    mean_cross_entropy: by(({ logits, tokens }) => {
      if (tokens.length > 1) return meanCrossEntropy(Float32Array.from(inOneRow(logits)), tokens, vocabulary)
    }),
  }
  await mkdir(folder, { recursive: true })
  await writeTensors(folder, keys, written)
  await writeFile(join(folder, 'expected.json'), `${JSON.stringify(expected)}\n`)
}

function stored(rows: readonly ArrayLike<number>[], shape: number[]): StoredFloats {
  return { shape, base64: Buffer.from(Float32Array.from(inOneRow(rows)).buffer).toString('base64') }
}

function routesOf(rows: readonly Chosen[][]) {
  return { ids: rows.map((row) => row.map(({ id }) => id)), gates: rows.map((row) => row.map(({ gate }) => gate)) }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name, folder] = process.argv
  const family = FAMILY_CASES.find((one) => one.name === name)
  if (!family || !folder)
    throw new Error(`give a folder and one of:\n${FAMILY_CASES.map(({ name }) => name).join('\n')}`)
  await writeFixture(folder, family)
}
