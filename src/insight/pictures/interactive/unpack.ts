/*
 * Puts the packed parts of a written page in their places. The modules that act on them are packed, too, and come last. It
 * imports nothing, since the written page is a single file.
 */

for (const packed of document.querySelectorAll('script[type="application/gzip"]')) {
  const bytes = Uint8Array.from(atob(packed.textContent), (sign) => sign.charCodeAt(0))
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
  // Unlike innerHTML, lets the modules run.
  packed.replaceWith(document.createRange().createContextualFragment(text))
}

// Makes this file a module.
export {}
