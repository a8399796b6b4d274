const ALLOWED = new Set(['http:', 'https:', 'mailto:'])
const MAIL = /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/
const ESCAPED = /\\([!-/:-@[-`{-~])/g

/** The address that a link names, as it is written. Undefined if a link to it is not allowed. */
export function allowedAddress(written: string): string | undefined {
  const inner = /^<.*>$/s.test(written) ? written.slice(1, -1) : written
  const named = inner.replace(ESCAPED, '$1').replaceAll('&amp;', '&')
  const full = /^www\./i.test(named) ? `https://${named}` : MAIL.test(named) ? `mailto:${named}` : named
  try {
    const { protocol, href } = new URL(full)
    return ALLOWED.has(protocol) ? href : undefined
  } catch {
    // Relative addresses would be the server's.
    return undefined
  }
}
