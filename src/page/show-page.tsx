import { render } from 'preact'
import { Page } from './conversations/page.js'
import type { EngineInTab } from './conversations/page-state.js'
import { showTheme } from './elements/theme.js'
import type { Api } from './requests/api.js'
import { App } from './views/app.js'
import { Alert } from './views/parts.js'

const place = document.getElementById('page') ?? document.body

/** An engine that can be asked. */
interface Engine {
  api: Api
  inTab?: EngineInTab
}

/** Takes over the place of the first paint, with the text in its field, once the engine can be asked. */
export async function showPage(open: () => Promise<Engine>): Promise<Page | undefined> {
  showTheme()
  try {
    const { api, inTab } = await open()
    const page = await Page.open(api)
    page.store.set({ inTab, message: place.querySelector('textarea')?.value ?? '' })
    render(<App page={page} />, place)
    await page.restore().catch((error: Error) => page.store.set({ alert: error.message }))
    return page
  } catch (error) {
    render(<Alert>{(error as Error).message}</Alert>, place)
    return undefined
  }
}
