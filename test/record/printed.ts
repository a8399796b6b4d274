import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { repositoryPath } from '../support/fixtures.js'
import { normalise } from './normalise.js'

const CHECKOUT = dirname(repositoryPath('package.json'))
const { version } = JSON.parse(readFileSync(repositoryPath('package.json'), 'utf8'))
const NUMBER = String.raw`\d[\d.]*(?: [kM])?`

/** Parts of what a command prints or writes that two runs do not share. */
const VALUES: [pattern: RegExp, instead: string][] = [
  [/("(?:\w+_ms|\w*tokens_per_second|rss_bytes)":)[\d.]+/g, '$1<n>'],
  // An answer is computed some tokens ahead, and drafts come when they save time.
  [/("(?:expert_hits|mean_attention_depth)":)[\d.]+/g, '$1<n>'],
  // Experts of a packed model are read ahead or when a token wakes them, whichever is first.
  [/("(?:weights_bytes|expert_misses|bytes_read)":)\d+/g, '$1<n>'],
  [/,"drafted_tokens":\d+,"right_drafts":\d+/g, ''],
  [/(experts found in memory: )\d+/g, '$1<n>'],
  [/(per token, on average: )[\d.]+/g, '$1<n>'],
  [/(process: )[\d.]+ [MG]B/g, '$1<n> MB'],
  [/(experts: )\d+( times in memory)/g, '$1<n>$2'],
  [/(attention: )[\d.]+( keys visited)/g, '$1<n>$2'],
  [/(decode, tokens\/s)( +\d+)+/g, '$1 <n>'],
  [/\b((?:disk|of memory,) free )[\d.]+ [kMGT]?B/g, '$1<n>'],
  [/("(?:free|packing|running)":)\d+/g, '$1<n>'],
  [/(runs in )\d+( MB of memory)/g, '$1<n>$2'],
  // Hash of a path.
  [/(\/gguf\/[\w.]+-)[0-9a-f]{12}\b/g, '$1<id>'],
  [/("seed":)\d{5,}/g, '$1<seed>'],
  [/(--seed )\d{5,}/g, '$1<seed>'],
  [/\bV8 [\d.]+ with [^\n]*/g, 'V8 <version>'],
  [/(\d threads?), \w+(\+256)? kernels/g, '$1, <tier> kernels'],
  // Newer versions of V8 add it.
  [/(in JSON at position \d+) \(line \d+ column \d+\)/g, '$1'],
  [new RegExp(`${NUMBER} (?:ms|s|min|h)\\b(?: \\d+ (?:s|min)\\b)?`, 'g'), '<n> s'],
  [new RegExp(`${NUMBER} (tokens/s|tok/s)\\b`, 'g'), '<n> $1'],
  [/(of weights, )[\d.]+ [kMG]?B( in all)/g, '$1<n>$2'],
  [/\b\d{8}-\d{6}-[0-9a-z]{4,8}\b/g, '<id>'],
]

/** Replaces what differs between two runs, in the output of a command, on a screen, or in a file. */
export function normalisePrinted(text: string, work: string): string {
  let normal = normalise(text, { work }).replaceAll(CHECKOUT, '<molm>').replaceAll(version, '<version>')
  for (const [pattern, instead] of VALUES) normal = normal.replace(pattern, instead)
  return rounded(normal)
}

/** A text without the last digits of long fractions, which processors may round in their own ways. */
export function rounded(text: string): string {
  return text.replace(/(?<=[:,[ ]-?)\d+\.\d{6,}(e-\d+)?/g, (found) => String(Number(Number(found).toPrecision(4))))
}
