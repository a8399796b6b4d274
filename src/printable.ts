/** Longest name that an error message repeats. */
const LONGEST = 160

/**
 * A name out of a file, fit for an error message: control characters, which could steer the terminal or break the
 * message into lines, are written as \xNN, and a name of unreasonable length is cut.
 */
export function printable(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (c) => `\\x${(c.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  )
}
