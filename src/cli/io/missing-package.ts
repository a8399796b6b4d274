/**
 * The message for a package that `npm i --omit=optional` has left out: the library and `molm run` do without Ink, React and
 * hono, `molm chat` and `molm serve` do not. Undefined for other errors.
 */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const name = /^Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return name && `the package ${name} is not installed; \`npm i molm\` without --omit=optional installs it`
}
