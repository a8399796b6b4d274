/**
 * The message for an error about a package that `npm i --omit=optional` left out; undefined for other errors. `molm chat`
 * needs Ink and React and `molm serve` needs hono; the library and `molm run` do not.
 */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const name = /^Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return name && `the package ${name} is not installed; \`npm i molm\` without --omit=optional installs it`
}
