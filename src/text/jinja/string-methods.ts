import { pythonCapitalize, pythonStrip, pythonTitle } from './python.js'
import { toValue, type Value } from './values.js'

const LEFT = { left: true, right: false }
const RIGHT = { left: false, right: true }

/** Python's methods of strings that the library lacks, or has without their arguments. */
const METHODS: Readonly<Record<string, (text: string) => (...args: never[]) => unknown>> = {
  strip: (text) => (chars?: string) => pythonStrip(text, chars),
  lstrip: (text) => (chars?: string) => pythonStrip(text, chars, LEFT),
  rstrip: (text) => (chars?: string) => pythonStrip(text, chars, RIGHT),
  capitalize: (text) => () => pythonCapitalize(text),
  title: (text) => () => pythonTitle(text),
  count: (text) => (part: string) => text.split(part).length - 1,
  find: (text) => (part: string) => {
    const at = text.indexOf(part)
    return at < 0 ? at : [...text.slice(0, at)].length
  },
}

/** A string's method by name; undefined for the library's own. */
export function stringMethod(text: string, name: string): Value | undefined {
  return Object.hasOwn(METHODS, name) ? toValue(METHODS[name](text)) : undefined
}
