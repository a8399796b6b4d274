import { gunzipSync } from 'node:zlib'

/** A written page with all parts in their places, as insight/pictures/interactive/unpack.ts puts them there. */
export function unpackedPage(html: string): string {
  return html.replace(/<script type="application\/gzip">(.*?)<\/script>/g, (_, packed) =>
    gunzipSync(Buffer.from(packed, 'base64')).toString(),
  )
}
