import { tabStorage } from '../page/elements/browser-storage.js'

/** Name in the tab's storage of the one try. */
const TRIED = 'molm-isolated'

/**
 * Loads the page again by way of a service worker, which adds the headers that let threads share memory, unless the host
 * sends them itself. A browser without service workers computes on one thread.
 */
export async function isolatePage(): Promise<void> {
  if (crossOriginIsolated || !('serviceWorker' in navigator) || tabStorage.get(TRIED) !== undefined) return
  tabStorage.set(TRIED, 'yes')
  try {
    await navigator.serviceWorker.register('sw.js')
  } catch {
    // The user or the host forbids it.
    return
  }
  await navigator.serviceWorker.ready
  location.reload()
  // Nothing begins in a page that is about to go.
  await new Promise(() => undefined)
}
