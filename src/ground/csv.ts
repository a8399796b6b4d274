/** Formats a row of CSV (RFC 4180), without its line end. */
export function csvRow(values: readonly (string | number)[]): string {
  return values.map((value) => (typeof value === 'number' ? String(value) : quoted(value))).join(',')
}

/**
 * Values with blanks around them are quoted, too, since many readers trim those; and values that begin with #, since
 * many readers take a line that does for a comment.
 */
function quoted(text: string): string {
  return /^#|[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text
}
