import { csvRow } from '../../csv.js'
import type { PolicyName, ReplayedMemory, ReplayedPolicy } from '../../experts/replay/replay.js'
import { formatBytes, formatSize, plural } from '../../numbers.js'
import { printable } from '../../printable.js'
import { alignColumns } from '../../terminal/table.js'
import { writeJson, writeOut } from '../io/output.js'

/** A replayed trace, and the speeds that times follow from. */
export interface ReplayReport {
  trace: string
  model: string
  quant: string
  tokens: number
  promptTokens: number
  /** Bytes of all weights, and the least limit. */
  bytes: number
  leastBytes: number
  memories: ReplayedMemory[]
  /** Absent if it is not known. */
  disk?: { bytesPerSecond: number; isMeasured: boolean }
  /** Speed with all experts in memory. Absent if it is not known. */
  speed?: { tokensPerSecond: number; isMeasured: boolean }
}

const TITLES: Record<PolicyName, string> = {
  frequency: 'least used (molm)',
  lru: 'least recently used',
  'least-stale': 'least stale',
  pinned: 'pinned (hindsight)',
  optimal: 'best possible',
}

export async function putReplay(report: ReplayReport, { json, csv }: { json?: boolean; csv?: boolean }): Promise<void> {
  if (json) return writeJson(objectOf(report))
  if (csv) return writeOut(csvOf(report))
  await writeOut(textOf(report))
}

function textOf(report: ReplayReport): string {
  const { trace, model, quant, tokens, promptTokens, bytes, leastBytes, memories, disk, speed } = report
  const answer = tokens - promptTokens
  const lines = [
    `${printable(trace)}: ${plural(tokens, 'token')}, ${promptTokens} in prompts and ${answer} generated`,
    `${printable(model)} (${quant}): ${formatBytes(bytes)} of weights, at least ${formatBytes(leastBytes)} in memory`,
    ...speedLine(disk, speed),
    '',
  ]
  const rows = memories.flatMap(({ memory, held, experts, policies }) =>
    policies.map((policy, i) => [
      i === 0 ? formatSize(memory) : '',
      i === 0 ? `${held}/${experts}` : '',
      TITLES[policy.policy],
      percent(policy),
      percent(policy.answer),
      answer > 0 ? formatBytes(policy.answer.bytesRead / answer) : '',
      threeDigits(tokensPerSecond(policy, report)),
    ]),
  )
  const head = ['memory', 'experts', 'makes room', 'hits', 'generated', 'per token', 'tokens/s']
  return `${lines.join('\n')}\n${alignColumns([head, ...rows], [1, 3, 4, 5, 6])}`
}

function speedLine(disk: ReplayReport['disk'], speed: ReplayReport['speed']): string[] {
  const parts = [
    disk && `disk ${formatBytes(disk.bytesPerSecond)}/s${disk.isMeasured ? ', measured' : ''}`,
    speed && `${threeDigits(speed.tokensPerSecond)} tokens/s with all in memory${speed.isMeasured ? ', measured' : ''}`,
  ].filter((part) => part !== undefined)
  const missing = [...(disk ? [] : ['--disk']), ...(speed ? [] : ['--speed'])]
  const known = parts.length > 0 ? [parts.join('; ')] : []
  return missing.length === 0 ? known : [...known, `tokens/s in less memory need ${missing.join(' and ')}`]
}

function threeDigits(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(3)))
}

function percent({ hits, misses }: Pick<ReplayedPolicy, 'hits' | 'misses'>): string {
  return hits + misses === 0 ? '' : `${((100 * hits) / (hits + misses)).toFixed(1)} %`
}

/** Speed of the generated tokens: the time with all experts in memory, and that of reading. */
function tokensPerSecond({ answer }: ReplayedPolicy, report: ReplayReport): number | undefined {
  const { tokens, promptTokens, disk, speed } = report
  const generated = tokens - promptTokens
  if (generated === 0 || !disk || !speed) return undefined
  return 1 / (1 / speed.tokensPerSecond + answer.bytesRead / generated / disk.bytesPerSecond)
}

function objectOf(report: ReplayReport) {
  const { trace, model, quant, tokens, promptTokens, bytes, leastBytes, memories, disk, speed } = report
  const answer = tokens - promptTokens
  return {
    trace,
    model,
    quant,
    tokens,
    prompt_tokens: promptTokens,
    bytes,
    least_bytes: leastBytes,
    disk_bytes_per_second: disk?.bytesPerSecond ?? null,
    tokens_per_second_in_memory: speed?.tokensPerSecond ?? null,
    memories: memories.map(({ memory, held, experts, policies }) => ({
      memory,
      experts_held: held,
      experts,
      policies: policies.map((policy) => ({
        policy: policy.policy,
        hits: policy.hits,
        misses: policy.misses,
        bytes_read: policy.bytesRead,
        generated: {
          hits: policy.answer.hits,
          misses: policy.answer.misses,
          bytes_per_token: answer > 0 ? policy.answer.bytesRead / answer : null,
          tokens_per_second: tokensPerSecond(policy, report) ?? null,
        },
      })),
    })),
  }
}

function csvOf(report: ReplayReport): string {
  const rows: (string | number)[][] = [
    ['memory', 'experts_held', 'experts', 'policy', 'hits', 'misses', 'bytes_read'].concat([
      'generated_hits',
      'generated_misses',
      'bytes_per_token',
      'tokens_per_second',
    ]),
  ]
  const answer = report.tokens - report.promptTokens
  for (const { memory, held, experts, policies } of report.memories) {
    for (const policy of policies) {
      const { hits, misses, bytesRead } = policy.answer
      const perToken = answer > 0 ? bytesRead / answer : ''
      const own = [policy.policy, policy.hits, policy.misses, policy.bytesRead, hits, misses, perToken]
      rows.push([memory, held, experts, ...own, tokensPerSecond(policy, report) ?? ''])
    }
  }
  return rows.map((row) => `${csvRow(row)}\n`).join('')
}
