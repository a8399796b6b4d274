import { UserError } from '../../../ground/errors.js'
import { keyword, phrase } from '../../../ground/message.js'
import { Automaton } from './automaton.js'
import { type Expression, NEVER, repeat } from './expression.js'
import { ANY, readPattern, readSearch } from './read-pattern.js'
import type { StringLimits } from './schema-keywords.js'

/*
 * Texts of JSON Schema's formats. Each is a part of what the format allows, so that every validator accepts it: no leap
 * seconds, no comments in addresses.
 */

const HEX = '[0-9a-fA-F]'
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
const LABEL = '[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?'
const HOST = `[a-zA-Z]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?(\\.[a-zA-Z]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?){0,5}`
/** Multiples of 4 with two digits, but 0. */
const FOURS = '(0[48]|[2468][048]|[13579][26])'
const LEAP_YEAR = `([0-9]{2}${FOURS}|${FOURS}00)`
const DATE =
  '([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|' +
  `${LEAP_YEAR}-02-29)`
const TIME = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?'
const ZONE = '(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])'
const PATH = "[A-Za-z0-9._~!$&'()*+,;=:@/-]*"
const QUERY = "[A-Za-z0-9._~!$&'()*+,;=:@/?-]*"

const PATTERNS: Record<string, string> = {
  date: DATE,
  time: `${TIME}${ZONE}`,
  'date-time': `${DATE}T${TIME}${ZONE}`,
  duration:
    'P([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D|[0-9]{1,9}W|T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))',
  email: `[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@(${LABEL}\\.){1,3}[A-Za-z]{2,20}`,
  hostname: HOST,
  ipv4: `${OCTET}(\\.${OCTET}){3}`,
  ipv6: `(${HEX}{1,4}:){7}${HEX}{1,4}|(${HEX}{1,4}:){1,6}:${HEX}{1,4}|::(${HEX}{1,4}:){0,5}${HEX}{1,4}`,
  uuid: `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`,
  uri: `(https?|ftp)://${HOST}(:[1-9][0-9]{0,3})?(/${PATH})?(\\?${QUERY})?(#${QUERY})?`,
  'uri-reference': `/${PATH.replace('/', '')}(\\?${QUERY})?(#${QUERY})?`,
  'json-pointer': '(/([^~/"\\\\\\x00-\\x1f]|~[01])*)*',
}
PATTERNS['idn-email'] = PATTERNS.email
PATTERNS['idn-hostname'] = PATTERNS.hostname
PATTERNS.iri = PATTERNS.uri
PATTERNS['iri-reference'] = PATTERNS['uri-reference']

/** Texts of a format. Throws a UserError if it is not supported. */
export function formatExpression(format: string): Expression {
  if (Object.hasOwn(PATTERNS, format)) return readPattern(PATTERNS[format])
  const known = Object.keys(PATTERNS).join(', ')
  throw new UserError(phrase`${keyword('format')} ${JSON.stringify(format.slice(0, 40))} is not supported (${known})`)
}

/** Most characters of a limit that is combined with a pattern. */
const LONGEST_COMBINED = 5000

/** Texts within the limits. Throws a UserError for what is not supported. */
export function stringExpression(limits: StringLimits): Expression {
  const { minLength, maxLength } = limits
  const parts = partsOf(limits)
  const hasLength = minLength > 0 || maxLength !== undefined
  if (parts.length === 0) return lengths(limits)
  return parts.length === 1 && !hasLength ? parts[0] : stringAutomaton(limits).expression()
}

/** The same as an automaton. */
export function stringAutomaton(limits: StringLimits): Automaton {
  const { minLength, maxLength } = limits
  const parts = partsOf(limits)
  if (Math.max(minLength, maxLength ?? 0) > LONGEST_COMBINED) {
    throw new UserError(
      phrase`${keyword('minLength')} and ${keyword('maxLength')} above ${LONGEST_COMBINED} are not supported together with a pattern`,
    )
  }
  if (minLength > 0 || maxLength !== undefined || parts.length === 0) parts.push(lengths(limits))
  return parts.map((part) => Automaton.of(part)).reduce((all, part) => all.and(part))
}

function lengths({ minLength, maxLength }: StringLimits): Expression {
  if (maxLength !== undefined && maxLength < minLength) return NEVER
  return repeat(ANY, minLength, maxLength)
}

function partsOf({ patterns, formats }: StringLimits): Expression[] {
  const texts = formats.map(formatExpression)
  return [...patterns.map(readSearch), ...texts]
}
