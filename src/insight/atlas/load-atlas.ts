import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { readSmallFile } from '../../ground/files/small-file.js'
import { isCount, numberFrom, oneOf, wordUpTo } from '../../ground/json/forms.js'
import { isObject, MOST_JSON_BYTES, parseJsonObject } from '../../ground/json/json.js'
import { type JsonPath, JsonReader, nameOf } from '../../ground/json/reader.js'
import { dirname, pathIn } from '../../ground/platform/files.js'
import { printable } from '../../ground/printable.js'
import { perMixture } from '../../model/config/config.js'
import type { ExpertShape } from '../usage/usage.js'
import type { Atlas, AtlasCommittee, AtlasEntry, AtlasToken } from './atlas.js'

/**
 * Reads names of a model's experts: from the file `path`, else from `atlas.json` beside the model. Resolves with
 * undefined if `path` is absent and the model has no such file. Names are safe to print; texts of tokens are not. Rejects
 * with a UserError if the file is missing, is not an atlas, or is one of a model with other experts. Given `onWarning`,
 * the model's own file is passed over with a warning instead.
 */
export async function loadAtlas(
  model: Pick<Model, 'name' | 'config' | 'info'>,
  path?: string,
  onWarning?: (message: string) => void,
): Promise<Atlas | undefined> {
  if (path !== undefined) {
    const atlas = await read(path, model)
    if (atlas) return atlas
    throw new UserError(`${path}: there is no such file`)
  }
  if (model.info.kind === 'random') return undefined
  const { path: place, kind } = model.info
  try {
    return await read(pathIn(kind === 'checkpoint' ? place : dirname(place), 'atlas.json'), model)
  } catch (error) {
    if (!(onWarning && error instanceof UserError)) throw error
    onWarning(`no names of experts: ${error.message}`)
    return undefined
  }
}

async function read(file: string, model: Pick<Model, 'name' | 'config'>): Promise<Atlas | undefined> {
  const bytes = await readSmallFile(file, MOST_JSON_BYTES)
  return bytes && checkAtlas(file, parseJsonObject(bytes, file), model)
}

/** Maximum characters of a name or a token. Names may contain files; some tokenizers have tokens of 128 blanks. */
const LONGEST = 1024
/** Maximum tokens or kinds of text of an expert. */
const MOST_TOKENS = 64
/** Maximum kinds of text of an atlas. */
const MOST_TEXTS = 1024

/**
 * Checks a parsed atlas from an untrusted file, whose name begins each message. Names become safe to print; the texts of
 * tokens stay unchanged. Throws a UserError if a key has another form, or if the atlas has other experts than the model.
 */
export function checkAtlas(
  file: string,
  value: unknown,
  { name: model, config: { mixtures } }: { name: string; config: ExpertShape },
): Atlas {
  const errorAt = (path: JsonPath, what: string) => new UserError(`${file}: ${nameOf(path) || 'the file'}: ${what}`)
  const atlas = new JsonReader(value, errorAt)
  atlas.in('format').as(oneOf(['molm-atlas']), '"molm-atlas"')
  atlas.in('version').as(oneOf([1]), '1, the version that this molm reads')
  const name = readName(atlas.in('model').in('name'))
  const given = atlas.in('model').in('experts').as(isObject, 'an object')
  const isSame = mixtures.every((mixture) => JSON.stringify(given[mixture.kind]) === JSON.stringify(mixture.experts))
  if (!isSame || Object.keys(given).length !== mixtures.length) {
    throw new UserError(
      `${file}: model.experts: the atlas is of ${name}, which has other experts than ${printable(model)}`,
    )
  }
  return {
    format: 'molm-atlas',
    version: 1,
    model: { name, experts: perMixture(mixtures, ({ experts }) => experts) },
    texts: upTo(MOST_TEXTS, atlas.in('texts')).map((text) => ({
      name: readName(text.in('name')),
      tokens: readCount(text.in('tokens')),
    })),
    named: readCount(atlas.in('named')),
    confirmed: readCount(atlas.in('confirmed')),
    entries: perMixture(mixtures, ({ kind, experts }) =>
      exactly(experts.length, atlas.in('entries').in(kind)).map((layer, i) =>
        exactly(experts[i], layer).map(readEntry),
      ),
    ),
    committees: perMixture(mixtures, ({ kind, experts }) =>
      exactly(experts.length, atlas.in('committees').in(kind)).map((value, i) => readCommittee(value, experts[i])),
    ),
  }
}

function upTo(most: number, list: JsonReader): JsonReader[] {
  return list.items(`a list of at most ${most}`, ({ length }) => length <= most)
}

function exactly(length: number, list: JsonReader): JsonReader[] {
  return list.items(`a list of ${length}`, (items) => items.length === length)
}

function readText(text: JsonReader): string {
  return text.as(wordUpTo(LONGEST), `a text of 1 to ${LONGEST} characters`)
}

function readName(name: JsonReader): string {
  return printable(readText(name))
}

function readCount(count: JsonReader): number {
  return count.as(isCount, 'a whole number from 0')
}

function readShare(share: JsonReader): number {
  return share.as(numberFrom(0, 1), 'a number from 0 to 1')
}

function readEntry(entry: JsonReader): AtlasEntry {
  return {
    ...(entry.in('name').value !== undefined && { name: readName(entry.in('name')) }),
    share: readShare(entry.in('share')),
    tokens: upTo(MOST_TOKENS, entry.in('tokens')).map(readToken),
    texts: upTo(MOST_TOKENS, entry.in('texts')).map((text) => {
      const token = readToken(text)
      return { ...token, text: printable(token.text) }
    }),
    ...(entry.in('labels').value !== undefined && {
      labels: upTo(MOST_TOKENS, entry.in('labels')).map((label) => {
        return { text: readName(label.in('text')), lift: readToken(label).lift, share: readShare(label.in('share')) }
      }),
    }),
  }
}

function readToken(token: JsonReader): AtlasToken {
  return {
    text: readText(token.in('text')),
    lift: token.in('lift').as(numberFrom(0), 'a number from 0'),
  }
}

function readCommittee(committee: JsonReader, experts: number): AtlasCommittee | null {
  if (experts === 0) return committee.as(oneOf([null]), 'null, since the layer has no such experts')
  return {
    experts: upTo(experts, committee.in('experts')).map((id) => {
      if (readCount(id) >= experts) throw id.error(`must be below ${experts}`)
      return Number(id.value)
    }),
    share: readShare(committee.in('share')),
    gini: readShare(committee.in('gini')),
    fairness: readShare(committee.in('fairness')),
  }
}
