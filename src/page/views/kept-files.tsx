import { useEffect, useState } from 'preact/hooks'
import { formatBytes } from '../../ground/numbers.js'
import type { ExpertUsage } from '../../insight/usage/usage.js'
import type { EngineInTab, KeptFile } from '../conversations/page-state.js'

/** Ms between looks at files that are still coming. */
const EVERY_MS = 1000

/** Says how much of the model the answers woke, and how much of it is here. */
export function WokenBytes({ inTab, answers }: { inTab: EngineInTab; answers: Pick<ExpertUsage, 'mixtures'> }) {
  const [files] = useKept(inTab, true)
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
  const [files, look] = useKept(inTab, isShown)
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

/** The kept files, looked at again while more of the model comes; and a function that looks at once. */
function useKept(inTab: EngineInTab, isShown: boolean): [files: readonly KeptFile[], look: () => Promise<void>] {
  const [files, setFiles] = useState<readonly KeptFile[]>([])
  const look = async () => setFiles(await inTab.kept())
  useEffect(() => {
    let timer: number | undefined
    let isOver = false
    const lookOn = async () => {
      const found = await inTab.kept()
      if (isOver) return
      setFiles(found)
      const isComing = found.some(({ address, bytes, size }) => address === inTab.file && bytes < size)
      if (isComing) timer = window.setTimeout(lookOn, EVERY_MS)
    }
    if (isShown) void lookOn()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [isShown])
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
