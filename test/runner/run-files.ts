import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Counts } from './counts.js'
import { type FileResult, type WorkerOptions, WorkerProcess } from './worker-process.js'

export interface RunOptions extends Omit<WorkerOptions, 'log'> {
  /** Folder that the files are in. */
  folder: string
  /** Files to run side by side, in starting order. */
  together: readonly string[]
  /** Files to run one by one after all others, each in a process of its own. */
  alone: readonly string[]
  /** Number of files that run at once. */
  jobs: number
  /** Receives each file's result as soon as it has ended. */
  onResult: (result: FileResult) => void
  /** Receives what went wrong after the end of files. */
  onFault: (fault: string) => void
}

/** Runs test files in processes that last for many files each. Resolves with the sums of their counts. */
export async function runFiles(options: RunOptions): Promise<Counts> {
  const { folder, jobs, onResult, onFault } = options
  const logs = await mkdtemp(join(tmpdir(), 'molm-tests-'))
  const sum: Counts = { total: 0, passed: 0, skipped: 0 }
  let started = 0

  /** Runs the files that are left, until there are no more. */
  const work = async (files: string[]) => {
    let worker: WorkerProcess | undefined
    const close = async () => {
      const fault = await worker?.close()
      worker = undefined
      if (fault === undefined) return
      sum.total++
      onFault(fault)
    }
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      worker ??= new WorkerProcess({ ...options, log: join(logs, String(started++)) })
      const result = await worker.run(file, join(folder, file))
      for (const count of ['total', 'passed', 'skipped'] as const) sum[count] += result[count]
      onResult(result)
      if (!worker.isFit) await close()
    }
    await close()
  }

  try {
    const files = [...options.together]
    await Promise.all(Array.from({ length: jobs }, () => work(files)))
    for (const file of options.alone) await work([file])
    return sum
  } finally {
    await rm(logs, { recursive: true, force: true })
  }
}
