import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** It asks nobody for anything, and runs where there is neither a screen nor a user of its own. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Whether there is a browser for the tests of pages, which are left out where there is none. One that CHROMIUM names must be there. */
export const HAS_BROWSER = process.env.CHROMIUM !== undefined || existsSync(CHROMIUM)

/** A headless Chromium with a profile of its own. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM))
    throw new Error(`there is no ${CHROMIUM} for the tests of pages: apt-get install -y chromium`)
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS, headless: true })
}

export interface Visit {
  page: Page
  /** What went wrong on the page, in its own words: exceptions, messages of the console, files that were not to be had. */
  faults: string[]
  /** Addresses that the page asked for. */
  requests: string[]
}

/** A new page, which is closed after `use`. */
export async function visit(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0],
  use: (visit: Visit) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    const [faults, requests]: string[][] = [[], []]
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(message.text())
    })
    page.on('request', (request) => requests.push(request.url()))
    await use({ page, faults, requests })
  } finally {
    await context.close()
  }
}
