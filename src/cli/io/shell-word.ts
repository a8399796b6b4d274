/** Quotes a text as one word, for any of the shells. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** A text as one word for the shells: quoted only if they would change it. */
export function shellWord(text: string): string {
  return /^~?[\w@%+=:,./-]+$/.test(text) ? text : quoted(text)
}
