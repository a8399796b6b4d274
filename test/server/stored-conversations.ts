import type { Page } from 'playwright-core'
import type { AskedBody } from './simulated-server.js'

/** The conversations that a page has kept in its browser. */
export const stored = (page: Page) =>
  page.evaluate(`new Promise((resolve, reject) => {
    const request = indexedDB.open('molm-conversations')
    request.onerror = () => reject(request.error)
    request.onsuccess = () => {
      const [database, all] = [request.result, {}]
      const stores = [...database.objectStoreNames]
      const read = database.transaction(stores)
      for (const name of stores) read.objectStore(name).getAll().onsuccess = ({ target }) => { all[name] = target.result }
      read.oncomplete = () => { database.close(); resolve(all) }
    }
  })`) as Promise<{ heads: AskedBody[]; bodies: AskedBody[] }>
