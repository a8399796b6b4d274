import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { Hono } from 'hono'
import { etag } from 'hono/etag'

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
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }

/** Paths in the compiled package of the page's files, by address. */
const FILES = {
  '/': 'page/index.html',
  '/page/app.js': 'page/app.js',
  '/page/figure.css': 'insight/pictures/interactive/figure.css',
  '/page/style.css': 'page/style.css',
  '/page/chat.css': 'page/chat.css',
  '/page/markdown.css': 'page/markdown.css',
  '/page/icon.svg': 'page/icon.svg',
}

/** Serves the page at `/` and its files. They reveal nothing about the model and need no key. */
export function pageRoutes(): Hono {
  const page = new Hono()
  page.use(etag())
  for (const [address, path] of Object.entries(FILES)) {
    const type = TYPES[extname(path) as keyof typeof TYPES]
    page.get(address, async (c) =>
      c.body(await readFile(new URL(`../../${path}`, import.meta.url), 'utf8'), 200, {
        ...HEADERS,
        'Content-Type': `${type}; charset=utf-8`,
      }),
    )
  }
  return page
}
