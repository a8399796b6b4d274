import { useEffect, useState } from 'preact/hooks'
import type { KeptFile } from '../../api/kept-file.js'
import { formatBytes } from '../../ground/numbers.js'
import type { ExpertUsage } from '../../insight/usage/usage.js'
import type { EngineInTab } from '../conversations/page-state.js'

/** Ms between looks at files that are still coming. */
const EVERY_MS = 1000

interface WokenBytesProps {
  inTab: EngineInTab
  answers: Pick<ExpertUsage, 'mixtures'>
  /** Whether an answer is coming, which may fetch experts. */
  isRunning: boolean
}

/** Says how much of the model the answers woke, and how much of it is here. */
export function WokenBytes({ inTab, answers, isRunning }: WokenBytesProps) {
  const [files] = useKept(inTab, true, isRunning)
  const own = files.find(({ address }) => address === inTab.file)
  return (
    <p id="woken-bytes" class="small soft">
      {`${Math.round(100 * shareWoken(inTab, answers))} % of the model’s bytes${own ? `; ${amountOf(own)} fetched` : ''}`}
    </p>
  )
}

/** Share of a model's bytes that are not experts, or are experts that a text woke. */
function shareWoken({ weights }: EngineInTab, { mixtures }: Pick<ExpertUsage, 'mixtures'>): number {
  const { bytes, parts } = weights
  const asleep = mixtures.map(({ kind, layers }) => {
    const counts = layers.flatMap((layer) => [...layer.counts])
    const experts = parts.find(({ name }) => name === `${kind} experts`)?.bytes ?? 0
    return (experts * counts.filter((count) => count === 0).length) / counts.length
  })
  return 1 - asleep.reduce((sum, some) => sum + some, 0) / bytes
}

/** A list of all weights that the browser keeps for the site, with buttons to remove them. */
export function KeptFiles({ inTab, isShown }: { inTab: EngineInTab; isShown: boolean }) {
  const [files, look] = useKept(inTab, isShown, false)
  if (files.length === 0) return null
  return (
    <div id="kept-files">
      <h3>Weights kept in this browser</h3>
      {files.map((file) => (
        <p key={file.address} class="row">
          {`${nameOf(file)}: ${amountOf(file)}`}
          <button
            class="quiet low"
            type="button"
            aria-label={`remove ${nameOf(file)}`}
            onClick={() => inTab.removeKept(file.address).then(look)}
          >
            Remove
          </button>
        </p>
      ))}
    </div>
  )
}

/**
 * The kept files, and a function that looks at them again. Without being asked it looks again when `isRunning` changes, and
 * each second while an answer runs or more of the model has come.
 */
function useKept(
  inTab: EngineInTab,
  isShown: boolean,
  isRunning: boolean,
): [readonly KeptFile[], () => Promise<number>] {
  const [files, setFiles] = useState<readonly KeptFile[]>([])
  /** Resolves with the bytes that are there. */
  const look = async () => {
    const found = await inTab.kept()
    setFiles(found)
    return found.reduce((sum, { bytes }) => sum + bytes, 0)
  }
  useEffect(() => {
    if (!isShown) return
    let timer: number | undefined
    let isOver = false
    const lookOn = async (before: number) => {
      const bytes = await look()
      if (!isOver && (isRunning || bytes > before)) timer = window.setTimeout(lookOn, EVERY_MS, bytes)
    }
    void lookOn(0)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [isShown, isRunning])
  return [files, look]
}

function nameOf({ address }: KeptFile): string {
  return decodeURIComponent(new URL(address).pathname.split('/').slice(-2).join('/'))
}

/** `8.1 MB`, or `1.3 of 7.6 GB`. */
function amountOf({ bytes, size }: KeptFile): string {
  const [some, all] = [formatBytes(bytes), formatBytes(size)]
  if (bytes === size) return all
  const [number, unit] = some.split(' ')
  return all.endsWith(` ${unit}`) ? `${number} of ${all}` : `${some} of ${all}`
}
