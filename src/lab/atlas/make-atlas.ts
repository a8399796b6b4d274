import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import type { Atlas, AtlasCommittee, AtlasEntry } from '../../insight/atlas/atlas.js'
import { type Committee, committeesOf } from '../../insight/atlas/committee.js'
import { Words } from '../../insight/atlas/words-of-expert.js'
import type { Reader } from '../../insight/usage/text-routes.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { type ReadHalves, type ReadOptions, readHalves, type TextKind } from './atlas-halves.js'
import { CellCounts, Cells, labelExpert } from './atlas-labels.js'
import { nameExpert, rounded } from './atlas-names.js'
import { choicesOf, type Features } from './atlas-preferences.js'
import { CLASSES, classOf } from './atlas-words.js'

export type MakeAtlasOptions = ReadOptions

/**
 * Names a model's experts by the tokens and kinds of text that they prefer. Texts of the same name are one kind. Each is
 * divided into two halves: the first gives names, and only those are kept that the second confirms. Reads the texts
 * without a chat template. Rejects with a UserError if the model has no experts, or a kind of text fewer than 256 tokens.
 *
 * @example
 * const atlas = await makeAtlas(model, [{ name: 'prose', text: prose }, { name: 'code', text: code }])
 * nameIn(atlas, { kind: 'mlp', layer: 5, expert: 12 })  // code: "(" "@" "{"
 * await writeFile('atlas.json', atlasJson(atlas))
 */
export async function makeAtlas(
  model: Model,
  texts: readonly { name: string; text: string }[],
  options: MakeAtlasOptions = {},
): Promise<Atlas> {
  const { name, config, tokenizer } = model
  if (config.mixtures.length === 0) throw new UserError(`${name} has no experts`)
  const names = new Set(texts.map(({ name }) => name))
  const kinds = Array.from(names, (name) => ({ name, texts: texts.filter((text) => text.name === name) }))
  const decoder = new TextDecoder()
  // Decoding a token alone would lose its first blank with some tokenizers.
  const textOf = (token: number) => decoder.decode(tokenizer.bytesOf(token))
  return atlasOf({ name, config, textOf }, kinds, await readHalves(model, kinds, options))
}

/** Names the experts by texts that have been read. */
export function atlasOf(
  { name, config, textOf }: Pick<Reader, 'name' | 'config' | 'textOf'>,
  kinds: readonly TextKind[],
  { first, second, usages }: ReadHalves,
): Atlas {
  const words = new Words({ textOf })
  const names = kinds.map(({ name }) => name)
  const classes = new Map<number, number>()
  for (const token of new Set([...first.tokens, ...second.tokens])) {
    words.of(token)
    classes.set(token, CLASSES.indexOf(classOf(textOf(token))))
  }
  const [ofFirst, ofSecond] = [first, second].map(
    ({ tokens, kinds }): Features => ({
      words: tokens.map((token) => words.of(token)),
      classes: tokens.map((token) => classes.get(token) ?? 0),
      kinds,
      sizes: { words: words.texts.length, kinds: names.length },
    }),
  )
  const cells = new Cells({ words: words.texts, kinds: names })
  const ofCells = [ofFirst, ofSecond].map((features) => cells.of(features))
  const tokens = first.tokens.length + second.tokens.length
  const sums = { named: 0, confirmed: 0 }
  const entries = perMixture(config.mixtures, (mixture) =>
    mixture.experts.map((experts, layer) => {
      const found = choicesOf(first, ofFirst, mixture, layer)
      const confirming = choicesOf(second, ofSecond, mixture, layer)
      const counts = [first, second].map((half, i) => {
        return new CellCounts(cells, ofCells[i], half.chosen(mixture.kind, layer), experts)
      })
      const always = alwaysChosen(mixture, layer)
      return Array.from({ length: experts }, (_, expert): AtlasEntry => {
        const share = rounded((found.words.experts[expert] + confirming.words.experts[expert]) / tokens)
        if (always.includes(expert)) return { name: 'every token', share, tokens: [], texts: [] }
        const { entry, isNamed } = nameExpert(found, confirming, expert, words.texts, names)
        sums.named += Number(isNamed)
        sums.confirmed += Number(entry.name !== undefined)
        return { ...entry, share, labels: labelExpert(cells, counts, expert) }
      })
    }),
  )
  const committees = committeesOf(usages.map((usage, i) => ({ name: names[i], usage, model: { config } })))
  return {
    format: 'molm-atlas',
    version: 1,
    model: { name, experts: perMixture(config.mixtures, ({ experts }) => experts) },
    texts: usages.map(({ tokens }, i) => ({ name: names[i], tokens })),
    ...sums,
    entries,
    committees: perMixture(config.mixtures, ({ kind, experts }) =>
      experts.map((_, layer) => {
        const found = committees.find((one) => one.kind === kind && one.layer === layer)
        return found ? written(found) : null
      }),
    ),
  }
}

/** Writes an atlas as JSON, with a line for each expert. */
export function atlasJson({ entries, committees, ...rest }: Atlas): string {
  const head = JSON.stringify(rest).slice(1, -1)
  return `{${head},\n "entries": ${byKind(entries, 2)},\n "committees": ${byKind(committees, 1)}}\n`
}

/** Writes lists by kind with an item a line, and those inside up to `depth` levels, too. */
function byKind(lists: PerMixture<unknown[]>, depth: number): string {
  const kinds = Object.entries(lists).map(([kind, list]) => `  "${kind}": ${inLines(list, depth, '  ')}`)
  return `{\n${kinds.join(',\n')}\n }`
}

function inLines(list: readonly unknown[], depth: number, indent: string): string {
  const items = list.map((item) => {
    return `${indent} ${depth > 1 && Array.isArray(item) ? inLines(item, depth - 1, `${indent} `) : JSON.stringify(item)}`
  })
  return items.length === 0 ? '[]' : `[\n${items.join(',\n')}\n${indent}]`
}

function written({ members, share, gini, fairness }: Committee): AtlasCommittee {
  return {
    experts: members.map(({ expert }) => expert),
    share: rounded(share),
    gini: rounded(gini),
    fairness: rounded(fairness),
  }
}
