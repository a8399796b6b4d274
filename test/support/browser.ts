import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { PATIENCE_MS } from './until.js'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Options for a browser without prompts, a screen or a user account of its own. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
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
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS, headless: true })
}

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

const kept = new WeakMap<Browser, Visit>()

/** Runs `use` with a page that further calls use again. This is faster than a new page, but the tab keeps its storage. */
export async function visitAgain(browser: Browser, use: (visit: Visit) => Promise<void>): Promise<void> {
  const { page, faults, requests } = kept.get(browser) ?? (await newPage(browser))
  kept.set(browser, { page, faults, requests })
  faults.length = 0
  requests.length = 0
  try {
    await use({ page, faults, requests })
  } finally {
    // This also ends the page's requests.
    await page.goto('about:blank')
  }
}

async function newPage(browser: Browser, options: ContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const [faults, requests]: string[][] = [[], []]
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text())
  })
  page.on('request', (request) => requests.push(request.url()))
  return { page, faults, requests }
}
