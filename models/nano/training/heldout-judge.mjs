// Says whether an answer to a held-out question is right, by the keys of the question:
//   call   the calls it must make: names and arguments; `any`: one of them, `or`: other calls that are right, too
//   match, not   patterns that the content has, or has not, with `flags`
//   words (at most), upper, list (lines), items, lines (at least), sentences (at least)   its form
//   json   values of an object that the content must be; number   the last number of the content
import { isDeepStrictEqual } from 'node:util'

const REFUSES =
  /do(es)? not know|don't know|can ?not|can't|too (large|big|long|hard|many|much|small)|not able|only know|unable|not (been )?t(old|aught)|did not tell|have not|no sense|not understand|not understood|(am|is) only/i

export function judge(question, answer) {
  const { skill } = question
  if (question.call) return judgeCalls(question, answer)
  const text = answer.content.trim()
  const faults = [...(answer.error ? [answer.error] : []), ...faultsOf(question, text)]
  if (skill === 'do not know') {
    if (!REFUSES.test(text)) faults.push('no refusal')
    if (sentencesOf(text) > 2) faults.push('too long')
  }
  const more = {}
  if (question.tools) {
    const isPlain = skill.endsWith('no call') || skill.endsWith('none fits')
    if (isPlain) more['tools: false calls'] = answer.calls.length > 0
    if (answer.calls.length > 0) faults.push('it calls')
  }
  return { isRight: faults.length === 0, faults, more }
}

const sameCall = ([name, args], [otherName, otherArgs]) =>
  name === otherName && isDeepStrictEqual(normal(args), normal(otherArgs))

/** Blanks within an expression, and capitals and full stops at the ends, make no other argument. */
function normal(value) {
  if (typeof value === 'string' && /^[\d\s.+*/x×()-]+$/.test(value)) return value.replace(/\s/g, '').replace(/[x×]/g, '*')
  if (typeof value === 'string') return value.trim().replace(/[.!?]$/, '').toLowerCase()
  if (Array.isArray(value)) return value.map(normal)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normal(item)]))
}

function judgeCalls({ call, any, or, skill }, { calls }) {
  const wanted = any ? call.map((one) => [one]) : [call, ...(or ? [or] : [])]
  const names = (list) => list.map(([name]) => name).join()
  const isChosen = wanted.some((list) => names(list) === names(calls))
  // A model may also make its second call behind the first one's result.
  const isRight = wanted.some((list) => list.length === calls.length && list.every((one, i) => sameCall(one, calls[i])))
  const more = { 'tools: chosen rightly': isChosen, ...(isChosen && { 'tools: arguments exact': isRight }) }
  return { isRight, faults: isRight ? [] : ['another call'], more: skill.endsWith('two calls') ? {} : more }
}

const sentencesOf = (text) => text.split(/[.!?]+(?=\s|$)/).filter((part) => /\w/.test(part)).length
const linesOf = (text) => text.split('\n').filter((line) => /\w/.test(line))

function faultsOf(question, text) {
  const { match = [], flags = '', words, upper, list, items, lines, sentences, json, number, schema } = question
  const faults = match.filter((source) => !new RegExp(source, flags).test(text)).map((source) => `no ${source}`)
  for (const source of question.not ?? []) if (new RegExp(source, flags).test(text)) faults.push(`has ${source}`)
  if (text === '') faults.push('empty')
  if (words && text.split(/\s+/).length > words) faults.push('too many words')
  if (upper && (text !== text.toUpperCase() || !/[A-Z]{2}/.test(text))) faults.push('small letters')
  if (list && !schema && linesOf(text).length !== list) faults.push('no list of that length')
  if (items && itemsOf(text) !== items) faults.push(`not ${items} items`)
  if (lines && linesOf(text).length < lines) faults.push('too few lines')
  if (sentences && sentencesOf(text) < sentences) faults.push('too few sentences')
  if (number !== undefined && Number(text.match(/-?\d[\d,]*/g)?.at(-1)?.replace(/,/g, '')) !== number) {
    faults.push(`not ${number}`)
  }
  if (json !== undefined || schema) faults.push(...faultsOfJson(text, json, schema ? list : undefined))
  return faults
}

function itemsOf(text) {
  const behind = text.replace(/^[^:]{0,40}: ?/, '').replace(/^[A-Z][\w ]* are /, '')
  return behind.split(/,|\band\b|\n/).filter((part) => /\w/.test(part)).length
}

function faultsOfJson(text, wanted, length) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    return ['no JSON']
  }
  if (length !== undefined) {
    const list = [Array.isArray(value) ? value : Object.values(value)].flat(2)
    const isGood = list.length === length && new Set(list).size === length && list.every((item) => /^[a-z ]{3,}$/i.test(item))
    return isGood ? [] : ['no list of such words']
  }
  if (wanted === null || typeof wanted !== 'object') return isDeepStrictEqual(value, wanted) ? [] : ['another value']
  if (value === null || typeof value !== 'object') return ['no object']
  return Object.entries(wanted).flatMap(([key, item]) =>
    isDeepStrictEqual(normal(value[key]), normal(item)) ? [] : [`another ${key}`],
  )
}
