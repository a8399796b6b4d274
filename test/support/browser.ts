import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { ForWorker } from './for-worker.js'
import { PATIENCE_MS, until } from './until.js'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Options for a browser without prompts, a screen or a user account. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  // Drawings need not go to another process: a seventh of the browser's time.
  '--in-process-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Whether there is a browser. Without one the tests of pages are skipped, unless CHROMIUM names one, which must exist.
 */
export const HAS_BROWSER = process.env.CHROMIUM !== undefined || existsSync(CHROMIUM)

/** Headless Chromium with its own profile. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM))
    throw new Error(`there is no ${CHROMIUM} for the tests of pages: apt-get install -y chromium`)
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS, headless: true, timeout: PATIENCE_MS })
}

/** The browser of all files of a worker process. */
export const sharedBrowser = new ForWorker(openBrowser, (browser) => browser.close())

export interface Visit {
  page: Page
  /** Errors on the page, as the browser reports them: exceptions, console messages, files that failed to load. */
  faults: string[]
  /** URLs that the page requested. */
  requests: string[]
}

type ContextOptions = Parameters<Browser['newContext']>[0]

/** Runs `use` with a new page, and then closes the page. */
export async function visit(
  browser: Browser,
  options: ContextOptions,
  use: (visit: Visit) => Promise<void>,
): Promise<void> {
  const { page, faults, requests } = await newPage(browser, options)
  try {
    await use({ page, faults, requests })
  } finally {
    await page.context().close()
  }
}

/** How a page is looked at. */
export interface View {
  viewport?: { width: number; height: number }
  colorScheme?: 'light' | 'dark'
  /** Whether the page may read and write the clipboard. */
  clipboard?: boolean
}

const WIDE = { width: 1280, height: 800 }
const kept = new WeakMap<Browser, Visit>()

/**
 * Runs `use` with a page that further calls use again: a new one would cost a second. It stays as `use` leaves it, with
 * what it has loaded and stored.
 */
export async function visitAgain(
  browser: Browser,
  { viewport, colorScheme, clipboard }: View,
  use: (visit: Visit) => Promise<void>,
): Promise<void> {
  const visit = kept.get(browser) ?? (await newPage(browser))
  kept.set(browser, visit)
  const { page, faults, requests } = visit
  if (viewport) await page.setViewportSize(viewport)
  if (colorScheme) await page.emulateMedia({ colorScheme })
  if (clipboard) await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  faults.length = 0
  requests.length = 0
  try {
    await use(visit)
  } finally {
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    const { width, height } = page.viewportSize() ?? WIDE
    if (width !== WIDE.width || height !== WIDE.height) await page.setViewportSize(WIDE)
    await page.emulateMedia({ colorScheme: null })
    if (clipboard) await page.context().clearPermissions()
  }
}

/** Waits until a script of the page returns true. A page without eval allows no `waitForFunction`. */
export function untilOnPage(page: Page, script: string): Promise<void> {
  return until(async () => (await page.evaluate(script)) === true, script, 20)
}

/** Loads a server's page as in a new tab: nothing that an earlier visit has stored is left. */
export async function loadAnew({ page, faults, requests }: Visit, url: string): Promise<void> {
  // Any file of the server has its storage. This also ends the requests of the page before.
  await page.goto(new URL('page/icon.svg', url).href)
  await page.evaluate(`new Promise((resolve) => {
    sessionStorage.clear()
    localStorage.clear()
    const deleted = indexedDB.deleteDatabase('molm-conversations')
    deleted.onsuccess = deleted.onerror = resolve
  })`)
  faults.length = 0
  requests.length = 0
  await page.goto(url)
}

async function newPage(browser: Browser, options: ContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: WIDE, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const [faults, requests]: string[][] = [[], []]
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    // The browser looks for it beside files that are no page, such as the file of `loadAnew`.
    if (message.location().url.endsWith('/favicon.ico')) return
    if (['error', 'warning'].includes(message.type())) faults.push(message.text())
  })
  page.on('request', (request) => requests.push(request.url()))
  return { page, faults, requests }
}
