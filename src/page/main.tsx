import '../insight/pictures/interactive/colour-text.js'
import '../insight/pictures/interactive/explore.js'
import '../insight/pictures/interactive/focus.js'
import '../insight/pictures/interactive/voices.js'
import { render } from 'preact'
import { Page } from './conversations/page.js'
import { showTheme } from './elements/theme.js'
import { Api } from './requests/api.js'
import { App } from './views/app.js'
import { askKey } from './views/key-dialog.js'
import { Alert } from './views/parts.js'

const place = document.getElementById('page') ?? document.body

async function start(): Promise<void> {
  const page = await Page.open(new Api(askKey))
  page.store.set({ message: place.querySelector('textarea')?.value ?? '' })
  render(<App page={page} />, place)
  await page.restore().catch((error: Error) => page.store.set({ alert: error.message }))
}

showTheme()
start().catch((error: Error) => render(<Alert>{error.message}</Alert>, place))
