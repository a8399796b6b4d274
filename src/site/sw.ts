/*
 * A service worker that adds two headers to what the site's host sends: only pages with them may share memory between
 * threads. It keeps nothing.
 */

interface FetchEvent extends Event {
  request: Request
  respondWith(response: Promise<Response>): void
}

addEventListener('install', () => (globalThis as unknown as { skipWaiting(): void }).skipWaiting())
addEventListener('activate', (event) => {
  const { clients } = globalThis as unknown as { clients: { claim(): Promise<void> } }
  ;(event as unknown as { waitUntil(work: Promise<void>): void }).waitUntil(clients.claim())
})
addEventListener('fetch', (event) => {
  const { request, respondWith } = event as FetchEvent
  if (new URL(request.url).origin !== location.origin) return
  respondWith.call(event, isolated(request))
})

async function isolated(request: Request): Promise<Response> {
  const response = await fetch(request)
  if (response.status === 0) return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  // Safari hangs with `credentialless`.
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
