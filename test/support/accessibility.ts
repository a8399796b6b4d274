import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** Faults of accessibility that axe-core finds on a page: the rule, and the elements that break it. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  return page.evaluate(
    `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html)))`,
  )
}
