import type { AtlasEntry } from '../../insight/atlas/atlas.js'
import {
  type Choices,
  CONFIRMED,
  CONFIRMED_GROUP,
  FOUND,
  FOUND_GROUP,
  type LayerChoices,
  meets,
  type Preference,
} from './atlas-preferences.js'
import { CLASSES, classOf, wordLabel } from './atlas-words.js'

const WORDS = 3
const MOST_WORDS = 5
/** Share of an expert's tokens that the words of a name have, for the name to need no class or kind of text. */
const ENOUGH = 0.6
/** Share of an expert's tokens that a class or kind of text must have to be in its name. */
const HALF = 0.5
/** A smaller share, enough for a class with a lift of 2. */
const MUCH = { cover: 0.4, lift: 2 }
const MOST_OF_TWO = 0.7

/** Preferences of an expert that one half found, the most telling first. */
interface Found {
  words: Preference[]
  /** The class that most of its tokens have, if it is frequent enough for a name. */
  group?: Preference
  /** Kinds of text, each weighing the same: `cover` and `lift` are as in texts of equal length. */
  kinds: Preference[]
}

function findPreferences({ words, classes, kinds }: LayerChoices, expert: number): Found {
  const group = classes
    .found(expert, FOUND_GROUP)
    .filter(({ of, cover, lift }) => {
      return CLASSES[of] !== 'words' && (cover >= HALF || (cover >= MUCH.cover && lift >= MUCH.lift))
    })
    .sort((a, b) => b.cover - a.cover)[0]
  const telling = ({ count, lift }: Preference) => count * Math.log(lift)
  return {
    words: words.found(expert, FOUND).sort((a, b) => telling(b) - telling(a) || a.of - b.of),
    group,
    kinds: evenKinds(kinds, expert)
      .filter((found) => meets(found, FOUND_GROUP))
      .sort((a, b) => b.cover - a.cover || a.of - b.of),
  }
}

interface NameParts {
  group?: Preference
  kinds: Preference[]
  words: Preference[]
}

/**
 * Chooses the parts of a name: words alone if they are most of the expert's tokens. Else in front of them the first that
 * applies: a class of half of the tokens, a kind of text of half of them, a smaller class, two kinds of text.
 */
function partsOf({ words, group, kinds }: Found, texts: readonly string[]): NameParts {
  const first = words.slice(0, WORDS)
  if (first.reduce((sum, { cover }) => sum + cover, 0) >= ENOUGH) return { kinds: [], words: first }
  const [one, two] = kinds
  if (one?.cover >= HALF && !(group && group.cover >= HALF)) return { kinds: [one], words: first }
  if (group) {
    const own = words.filter(({ of }) => classOf(texts[of]) === CLASSES[group.of])
    return { group, kinds: [], words: own.slice(0, WORDS) }
  }
  if (one && two && one.cover + two.cover >= MOST_OF_TWO) return { kinds: [one, two], words: first }
  return { kinds: [], words: first }
}

/** Writes a name: `digits: 5 0 8`, `code: "." "*" "("`, `"the" "of"`. Undefined without any part. */
function writeName({ group, kinds, words }: NameParts, texts: readonly string[], names: readonly string[]) {
  const labels = words.map(({ of }) => wordLabel(texts[of]))
  if (group) return withHead(CLASSES[group.of], isBlank(group) ? [] : labels)
  const quoted = labels.map((label) => (label.includes('"') ? `'${label}'` : `"${label}"`))
  return withHead(kinds.map(({ of }) => names[of]).join(', '), quoted)
}

function isBlank({ of }: Preference): boolean {
  return CLASSES[of] === 'line breaks' || CLASSES[of] === 'blanks'
}

function withHead(head: string, words: readonly string[]): string | undefined {
  return [head, words.join(' ')].filter((part) => part !== '').join(': ') || undefined
}

/**
 * Names an expert by the first half, and keeps what the second half confirms: all parts of the name, or no name.
 * `isNamed` says whether the first half named it.
 */
export function nameExpert(
  first: LayerChoices,
  second: LayerChoices,
  expert: number,
  texts: readonly string[],
  kinds: readonly string[],
): { entry: Omit<AtlasEntry, 'share'>; isNamed: boolean } {
  const found = findPreferences(first, expert)
  const parts = partsOf(found, texts)
  const name = writeName(parts, texts, kinds)
  // Lifts in the second half: in the first they are too large, since they were selected there.
  const wordIn = ({ of }: Preference) => second.words.at(expert, of)
  const even = evenKinds(second.kinds, expert)
  const kindIn = ({ of }: Preference) => even[of]
  const isWord = (preference: Preference) => meets(preference, CONFIRMED)
  const isGroup = (preference: Preference) => meets(preference, CONFIRMED_GROUP)
  const holds =
    (!parts.group || isGroup(second.classes.at(expert, parts.group.of))) &&
    parts.kinds.map(kindIn).every(isGroup) &&
    parts.words.map(wordIn).every(isWord)
  const words = found.words.map(wordIn).filter(isWord)
  const ofKinds = found.kinds.map(kindIn).filter(isGroup)
  return {
    isNamed: name !== undefined,
    entry: {
      ...(name !== undefined && holds && { name }),
      tokens: words.slice(0, MOST_WORDS).map(({ of, lift }) => ({ text: texts[of], lift: rounded(lift) })),
      texts: ofKinds.map(({ of, lift }) => ({ text: kinds[of], lift: rounded(lift) })),
    },
  }
}

/** Preferences for kinds of text as if all kinds were equally long. */
function evenKinds(kinds: Choices, expert: number): Preference[] {
  const rates = Array.from({ length: kinds.size }, (_, kind) => kinds.rate(expert, kind))
  const sum = rates.reduce((total, rate) => total + rate, 0)
  return rates.map((rate, kind) => {
    const cover = sum > 0 ? rate / sum : 0
    return { ...kinds.at(expert, kind), cover, lift: cover * rates.length }
  })
}

/** Rounds to three digits: a lift is not more exact. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
