import { dirname } from 'node:path'
import { repositoryPath } from '../support/fixtures.js'
import { normalise } from './normalise.js'
import type { RecordOptions } from './record.js'

const CHECKOUT = dirname(repositoryPath('package.json'))
const NUMBER = String.raw`\d[\d.]*(?: [kM])?`

/** Parts of what a command prints or writes that two runs do not share. */
const VALUES: [pattern: RegExp, instead: string][] = [
  [/("(?:\w+_ms|\w*tokens_per_second|rss_bytes)":)[\d.]+/g, '$1<n>'],
  // An answer is computed some tokens ahead, and drafts come when they save time.
  [/("(?:expert_hits|mean_attention_depth)":)[\d.]+/g, '$1<n>'],
  [/,"drafted_tokens":\d+,"right_drafts":\d+/g, ''],
  [/(experts: )\d+( times in memory)/g, '$1<n>$2'],
  [/(attention: )[\d.]+( keys visited)/g, '$1<n>$2'],
  [/(decode, tokens\/s)( +\d+)+/g, '$1 <n>'],
  // Hash of a path.
  [/(\/gguf\/[\w.]+-)[0-9a-f]{12}\b/g, '$1<id>'],
  [/("seed":)\d{5,}/g, '$1<seed>'],
  [/(--seed )\d{5,}/g, '$1<seed>'],
  [/\bV8 [\d.]+ with [^\n]*/g, 'V8 <version>'],
  [new RegExp(`${NUMBER} (ms|s|min)\\b`, 'g'), '<n> $1'],
  [new RegExp(`${NUMBER} (tokens/s|tok/s)\\b`, 'g'), '<n> $1'],
  [/(of weights, )[\d.]+ [kMG]?B( in all)/g, '$1<n>$2'],
  [/\b\d{8}-\d{6}-[0-9a-z]{4,8}\b/g, '<id>'],
]

/** Replaces what differs between two runs, in the output of a command, on a screen, or in a file. */
export function normalisePrinted(text: string, { molm, work }: RecordOptions): string {
  let normal = normalise(text, { work })
    .replaceAll(dirname(dirname(molm)), '<molm>')
    .replaceAll(CHECKOUT, '<checkout>')
  for (const [pattern, instead] of VALUES) normal = normal.replace(pattern, instead)
  return normal
}
