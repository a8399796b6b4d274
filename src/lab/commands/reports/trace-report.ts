import { writeJson, writeOut } from '../../../cli/io/output.js'
import { csvRow } from '../../../ground/csv.js'
import { formatBytes, formatSize, plural } from '../../../ground/numbers.js'
import { alignColumns } from '../../../ground/output/table.js'
import { printable } from '../../../ground/printable.js'
import type { Reading, ReplayedMemory } from '../../traces/replay.js'

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
  disk?: { bytesPerSecond: number; isMeasured: boolean }
  /** Speed with all experts in memory. Absent if it is not known. */
  speed?: { tokensPerSecond: number; isMeasured: boolean }
}

export async function putReplay(report: ReplayReport, { json, csv }: { json?: boolean; csv?: boolean }): Promise<void> {
  await (json ? writeJson(objectOf(report)) : writeOut(csv ? csvOf(report) : textOf(report)))
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
  const rows = memories.map((replayed) => [
    formatSize(replayed.memory),
    `${replayed.held}/${replayed.experts}`,
    percent(replayed),
    percent(replayed.answer),
    answer > 0 ? formatBytes(replayed.answer.bytesRead / answer) : '',
    threeDigits(tokensPerSecond(replayed, report)),
  ])
  const head = ['memory', 'experts', 'hits', 'generated', 'per token', 'tokens/s']
  return `${lines.join('\n')}\n${alignColumns([head, ...rows], [1, 2, 3, 4, 5])}`
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

function percent({ hits, misses }: Reading): string {
  return hits + misses === 0 ? '' : `${((100 * hits) / (hits + misses)).toFixed(1)} %`
}

/** Speed of the generated tokens: the time with all experts in memory, and the time of reading. */
function tokensPerSecond({ answer }: ReplayedMemory, report: ReplayReport): number | undefined {
  const { tokens, promptTokens, disk, speed } = report
  const generated = tokens - promptTokens
  if (generated === 0 || !disk || !speed) return undefined
  return 1 / (1 / speed.tokensPerSecond + answer.bytesRead / generated / disk.bytesPerSecond)
}

/** A replayed memory as JSON has it; the answer's numbers are undefined if they are not known. */
function memoryOf(replayed: ReplayedMemory, report: ReplayReport) {
  const { memory, held, experts, hits, misses, bytesRead, answer } = replayed
  const generated = report.tokens - report.promptTokens
  return {
    ...{ memory, experts_held: held, experts, hits, misses, bytes_read: bytesRead },
    generated: {
      hits: answer.hits,
      misses: answer.misses,
      bytes_per_token: generated > 0 ? answer.bytesRead / generated : null,
      tokens_per_second: tokensPerSecond(replayed, report) ?? null,
    },
  }
}

function objectOf(report: ReplayReport) {
  const { trace, model, quant, tokens, promptTokens, bytes, leastBytes, memories, disk, speed } = report
  return {
    ...{ trace, model, quant, tokens, prompt_tokens: promptTokens, bytes, least_bytes: leastBytes },
    disk_bytes_per_second: disk?.bytesPerSecond ?? null,
    tokens_per_second_in_memory: speed?.tokensPerSecond ?? null,
    memories: memories.map((replayed) => memoryOf(replayed, report)),
  }
}

const CSV_HEAD =
  'memory,experts_held,experts,hits,misses,bytes_read,generated_hits,generated_misses,bytes_per_token,tokens_per_second'

function csvOf(report: ReplayReport): string {
  const rows = report.memories.map((replayed) => {
    const { generated, ...all } = memoryOf(replayed, report)
    return csvRow([...Object.values(all), ...Object.values(generated)].map((value) => value ?? ''))
  })
  return [CSV_HEAD, ...rows].map((row) => `${row}\n`).join('')
}
