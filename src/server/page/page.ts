import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { PAGE_SCRIPT } from '../../pictures/html-script.js'
import { PAGE_ICON, pageDocument } from './document.js'
import { pageModules } from './modules.js'
import { LIVE_STYLE } from './style.js'

/** The page loads nothing from anywhere else, and runs and frames nothing that did not come from its own files. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Browsers keep files, and ask whether they are still the same.
  'Cache-Control': 'no-cache',
}
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' }

/** What a browser is shown: the page at `/`, and its files, which tell nothing of the model and need no key. */
export function pageRoutes(): Hono {
  const page = new Hono()
  let modules: ReturnType<typeof pageModules> | undefined
  const loaded = () => {
    modules ??= pageModules()
    return modules
  }
  const file = (type: keyof typeof TYPES, text: string) =>
    new Response(text, { headers: { ...HEADERS, 'Content-Type': `${TYPES[type]}; charset=utf-8` } })

  page.use(etag())
  page.get('/', async () => {
    const addresses = [...(await loaded()).keys()].map((path) => `page/modules/${path}`)
    return file('html', pageDocument(addresses))
  })
  page.get('/page/style.css', () => file('css', LIVE_STYLE))
  page.get('/page/explore.js', () => file('js', PAGE_SCRIPT))
  page.get('/page/icon.svg', () => file('svg', PAGE_ICON))
  page.get('/page/modules/*', async (c) => {
    const text = (await loaded()).get(c.req.path.slice('/page/modules/'.length))
    return text === undefined ? c.notFound() : file('js', text)
  })
  return page
}
