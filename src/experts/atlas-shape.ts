import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { type Mixture, perMixture } from '../model/config.js'
import { printable } from '../printable.js'
import type { Atlas, AtlasCommittee, AtlasEntry, AtlasToken } from './atlas.js'

/** Maximum characters of a name or a token. Names may contain those of files; some tokenizers have tokens of 128 blanks. */
const LONGEST = 1024
/** Maximum tokens or kinds of text of an expert. */
const MOST_TOKENS = 64
/** Maximum kinds of text of an atlas. */
const MOST_TEXTS = 1024

/** Shape of the model that an atlas must fit. */
interface Shape {
  name: string
  config: { mixtures: readonly Pick<Mixture, 'kind' | 'experts'>[] }
}

/**
 * Checks a parsed atlas from an untrusted file, whose name begins each message. Names become safe to print; the texts of
 * tokens stay unchanged. Throws a UserError if a key has another form, or if the atlas has other experts than the model.
 */
export function checkAtlas(file: string, value: unknown, { name: model, config: { mixtures } }: Shape): Atlas {
  const check = new Check(file)
  const atlas = check.object('the file', value)
  if (atlas.format !== 'molm-atlas') check.fail('format', '"molm-atlas"')
  if (atlas.version !== 1) check.fail('version', '1, the version that this molm reads')
  const of = check.object('model', atlas.model)
  const name = check.name('model.name', of.name)
  const given = check.object('model.experts', of.experts)
  const isSame = mixtures.every((mixture) => JSON.stringify(given[mixture.kind]) === JSON.stringify(mixture.experts))
  if (!isSame || Object.keys(given).length !== mixtures.length) {
    throw new UserError(
      `${file}: model.experts: the atlas is of ${name}, which has other experts than ${printable(model)}`,
    )
  }
  const entries = check.object('entries', atlas.entries)
  const committees = check.object('committees', atlas.committees)
  return {
    format: 'molm-atlas',
    version: 1,
    model: { name, experts: perMixture(mixtures, ({ experts }) => experts) },
    texts: check.list('texts', atlas.texts, MOST_TEXTS, (key, value) => {
      const text = check.object(key, value)
      return { name: check.name(`${key}.name`, text.name), tokens: check.count(`${key}.tokens`, text.tokens) }
    }),
    named: check.count('named', atlas.named),
    confirmed: check.count('confirmed', atlas.confirmed),
    entries: perMixture(mixtures, ({ kind, experts }) =>
      check.listOf(`entries.${kind}`, entries[kind], experts.length, (key, layer, i) =>
        check.listOf(key, layer, experts[i], (key, entry) => check.entry(key, entry)),
      ),
    ),
    committees: perMixture(mixtures, ({ kind, experts }) =>
      check.listOf(`committees.${kind}`, committees[kind], experts.length, (key, value, layer) =>
        check.committee(key, value, experts[layer]),
      ),
    ),
  }
}

/** Checks values by their keys. */
class Check {
  constructor(private readonly file: string) {}

  fail(key: string, expected: string): never {
    throw new UserError(`${this.file}: ${key}: must be ${expected}`)
  }

  object(key: string, value: unknown): Record<string, unknown> {
    return isObject(value) ? value : this.fail(key, 'an object')
  }

  list<T>(key: string, value: unknown, most: number, of: (key: string, value: unknown, i: number) => T): T[] {
    if (!Array.isArray(value) || value.length > most) return this.fail(key, `a list of at most ${most}`)
    return value.map((item, i) => of(`${key}[${i}]`, item, i))
  }

  /** A list of exactly `length` items. */
  listOf<T>(key: string, value: unknown, length: number, of: (key: string, value: unknown, i: number) => T): T[] {
    if (!Array.isArray(value) || value.length !== length) return this.fail(key, `a list of ${length}`)
    return value.map((item, i) => of(`${key}[${i}]`, item, i))
  }

  text(key: string, value: unknown): string {
    const fits = typeof value === 'string' && value !== '' && value.length <= LONGEST
    return fits ? value : this.fail(key, `a text of 1 to ${LONGEST} characters`)
  }

  name(key: string, value: unknown): string {
    return printable(this.text(key, value))
  }

  count(key: string, value: unknown): number {
    return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : this.fail(key, 'a whole number from 0')
  }

  number(key: string, value: unknown, most = Number.POSITIVE_INFINITY): number {
    const fits = typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= most
    return fits ? value : this.fail(key, most === 1 ? 'a number from 0 to 1' : 'a number from 0')
  }

  entry(key: string, value: unknown): AtlasEntry {
    const { name, share, tokens, texts } = this.object(key, value)
    return {
      ...(name !== undefined && { name: this.name(`${key}.name`, name) }),
      share: this.number(`${key}.share`, share, 1),
      tokens: this.list(`${key}.tokens`, tokens, MOST_TOKENS, (key, token) => this.token(key, token)),
      texts: this.list(`${key}.texts`, texts, MOST_TOKENS, (key, text) => {
        const token = this.token(key, text)
        return { ...token, text: printable(token.text) }
      }),
    }
  }

  committee(key: string, value: unknown, experts: number): AtlasCommittee | null {
    if (experts === 0) return value === null ? null : this.fail(key, 'null, since the layer has no such experts')
    const { experts: ids, share, gini, fairness } = this.object(key, value)
    return {
      experts: this.list(`${key}.experts`, ids, experts, (key, id) => {
        return this.count(key, id) < experts ? Number(id) : this.fail(key, `below ${experts}`)
      }),
      share: this.number(`${key}.share`, share, 1),
      gini: this.number(`${key}.gini`, gini, 1),
      fairness: this.number(`${key}.fairness`, fairness, 1),
    }
  }

  private token(key: string, value: unknown): AtlasToken {
    const { text, lift } = this.object(key, value)
    return { text: this.text(`${key}.text`, text), lift: this.number(`${key}.lift`, lift) }
  }
}
