/** Maximum brackets within each other in an address. */
const MOST_NESTED = 32

/** The rest of `[text](address "title")` after its text. */
export interface Target {
  address: string
  /** With its quotes. */
  title: string
  /** Place after the closing bracket. */
  end: number
}

/** Reads `(address "title")` at a place of a text. */
export function targetAt(text: string, at: number): Target | undefined {
  if (text[at] !== '(') return undefined
  let next = afterBlanks(text, at + 1)
  const from = next
  const isQuoted = text[from] === '<'
  next = isQuoted ? endOfQuoted(text, from) : endOfAddress(text, from)
  if (next < 0) return undefined
  const address = unescaped(isQuoted ? text.slice(from + 1, next - 1) : text.slice(from, next))
  const afterAddress = afterBlanks(text, next)
  let title = ''
  if (afterAddress > next && text[afterAddress] !== ')') {
    next = endOfTitle(text, afterAddress)
    if (next < 0) return undefined
    title = unescaped(text.slice(afterAddress, next))
  }
  next = afterBlanks(text, Math.max(next, afterAddress))
  return text[next] === ')' ? { address, title, end: next + 1 } : undefined
}

/** Reads `<https://...>` or `<name@host>` at a place of a text; the address is without its signs. */
export function autolinkAt(text: string, at: number): string | undefined {
  AUTOLINK.lastIndex = at
  return AUTOLINK.exec(text)?.[1]
}

const AUTOLINK = /<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*|[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9][a-z0-9.-]{0,253})>/iy

/** Reads a bare address, such as `https://example.org/a_b`, without the signs after it that belong to the sentence. */
export function bareAddressAt(text: string, at: number): string | undefined {
  BARE.lastIndex = at
  const [found] = BARE.exec(text) ?? []
  if (found === undefined) return undefined
  const isOpen = found.includes('(')
  let end = found.length
  while (/[?!.,:;_~']/.test(found[end - 1]) || (found[end - 1] === ')' && !isOpen)) end--
  return found.slice(0, end)
}

const BARE = /https?:\/\/[^\s<>*`"|\\^{}[\]]+/iy

function afterBlanks(text: string, at: number): number {
  while (text[at] === ' ' || text[at] === '\n') at++
  return at
}

/** End of an address without signs around it, or -1. */
function endOfAddress(text: string, from: number): number {
  let nested = 0
  for (let at = from; at < text.length; at++) {
    const sign = text[at]
    if (sign === '\\') at++
    else if (sign === '(' && ++nested > MOST_NESTED) return -1
    else if (sign === ' ' || sign === '\n') return nested === 0 ? at : -1
    else if (sign === ')' && nested-- === 0) return at
  }
  return -1
}

/** End of `<address>`, or -1. */
function endOfQuoted(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const sign = text[at]
    if (sign === '\\') at++
    else if (sign === '>') return at + 1
    else if (sign === '<' || sign === '\n') return -1
  }
  return -1
}

/** End of a title in quotes or brackets, or -1. */
function endOfTitle(text: string, from: number): number {
  const begin = text[from]
  const end = begin === '(' ? ')' : begin
  if (begin !== '"' && begin !== "'" && begin !== '(') return -1
  for (let at = from + 1; at < text.length; at++) {
    const sign = text[at]
    if (sign === '\\') at++
    else if (sign === end) return at + 1
    else if (sign === '(' && begin === '(') return -1
  }
  return -1
}

function unescaped(text: string): string {
  return text.replace(/\\([!-/:-@[-`{-~])/g, '$1')
}
