import { printable } from '../printable.js'
import type { Form } from './forms.js'
import { isObject } from './json.js'

/** Keys and indices that lead to a value. */
export type JsonPath = readonly (string | number)[]

/** A place as `messages[0].role`; an empty text for the whole value. */
export function nameOf(path: JsonPath): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${printable(key, 40)}`)).join('')
  return name.replace(/^\./, '')
}

/** Words about a field that is not known. */
export const UNKNOWN = 'is not supported'

/** A value of untrusted JSON with its place. `errorAt` makes the errors, whose words begin with a verb. */
export class JsonReader {
  constructor(
    readonly value: unknown,
    private readonly errorAt: (path: JsonPath, what: string) => Error,
    readonly path: JsonPath = [],
  ) {}

  /** Whether there is a value. Null counts as none. */
  get isGiven(): boolean {
    return this.value !== undefined && this.value !== null
  }

  /** The value of a key, which may be absent. Throws if this is no object. */
  in(key: string): JsonReader {
    return this.at(key, this.as(isObject, 'an object')[key])
  }

  /** The items of a list. Throws if this is none, or if `fits` does not hold. */
  items(mustBe: string, fits: (list: readonly unknown[]) => boolean = () => true): JsonReader[] {
    const { value } = this
    if (!Array.isArray(value) || !fits(value)) throw this.error(`must be ${mustBe}`)
    return value.map((item, i) => this.at(i, item))
  }

  /** The value. Throws if it has another form, which `mustBe` has in words. */
  as<T>(form: Form<T>, mustBe: string): T {
    const { value } = this
    if (form(value)) return value
    throw this.error(`must be ${mustBe}`)
  }

  /** As `as`, but says that the value is missing if there is none. */
  given<T>(form: Form<T>, mustBe: string): T {
    if (!this.isGiven) throw this.error('is missing')
    return this.as(form, mustBe)
  }

  /** Throws if there is a field that is not known. */
  refuseUnknown(known: readonly string[]): void {
    const keys = Object.keys(this.as(isObject, 'an object'))
    const unknown = keys.find((key) => this.in(key).isGiven && !known.includes(key))
    if (unknown !== undefined) throw this.in(unknown).error(UNKNOWN)
  }

  error(what: string): Error {
    return this.errorAt(this.path, what)
  }

  private at(key: string | number, value: unknown): JsonReader {
    return new JsonReader(value, this.errorAt, [...this.path, key])
  }
}
