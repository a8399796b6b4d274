import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { pageModules } from './modules.js'

/** The page loads and runs only its own files, and no other site may frame it. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Browsers keep the files, and ask each time whether they have changed.
  'Cache-Control': 'no-cache',
}
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' }

/** Paths in the compiled package of the files other than modules, by address. */
const FILES = {
  '/page/figure.css': 'insight/pictures/interactive/figure.css',
  '/page/style.css': 'page/style.css',
  '/page/chat.css': 'page/chat.css',
  '/page/markdown.css': 'page/markdown.css',
  '/page/icon.svg': 'page/icon.svg',
}
/** Placeholder in index.html for links to all modules, so that a browser loads them at once and not one after another. */
const PRELOADS = '<!-- modulepreload links -->'

/** Serves the page at `/` and its files. They reveal nothing about the model and need no key. */
export function pageRoutes(): Hono {
  const page = new Hono()
  let modules: ReturnType<typeof pageModules> | undefined
  const loaded = () => {
    modules ??= pageModules()
    return modules
  }
  page.use(etag())
  page.get('/', async () => {
    const [html, paths] = await Promise.all([read('page/index.html'), loaded().then((found) => [...found.keys()])])
    const links = paths.map((path) => `<link rel="modulepreload" href="page/modules/${path}">`)
    return respond('html', html.replace(PRELOADS, links.join('\n')))
  })
  for (const [address, path] of Object.entries(FILES)) {
    page.get(address, async () => respond(path.endsWith('.css') ? 'css' : 'svg', await read(path)))
  }
  page.get('/page/modules/*', async (c) => {
    const text = (await loaded()).get(c.req.path.slice('/page/modules/'.length))
    return text === undefined ? c.notFound() : respond('js', text)
  })
  return page
}

function respond(type: keyof typeof TYPES, text: string): Response {
  return new Response(text, { headers: { ...HEADERS, 'Content-Type': `${TYPES[type]}; charset=utf-8` } })
}

function read(path: string): Promise<string> {
  return readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
}
