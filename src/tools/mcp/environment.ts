/** Addresses, which a server gets without `user:password@`. */
const ADDRESSES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NPM_CONFIG_REGISTRY']
/** Variables that a server gets: those that programs need to run, and none with a secret. */
const PASSED = [
  ...['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR'],
  ...['APPDATA', 'COMSPEC', 'HOMEDRIVE', 'HOMEPATH', 'LOCALAPPDATA', 'PATHEXT', 'PROCESSOR_ARCHITECTURE'],
  ...['PROGRAMDATA', 'PROGRAMFILES', 'SYSTEMDRIVE', 'SYSTEMROOT', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE', 'WINDIR'],
  ...[...ADDRESSES, 'NO_PROXY', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['NPM_CONFIG_CACHE', 'NPM_CONFIG_PREFIX', 'DOCKER_HOST', 'VIRTUAL_ENV'],
]
const PASSED_BEGINNINGS = ['LC_', 'XDG_']

/** Environment of a server: some of molm's own variables, and those of its configuration. */
export function serverEnvironment(
  own: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const passed = Object.entries(env).flatMap(([name, value]) => {
    const upper = name.toUpperCase()
    // A shell function that an old bash exports would run in the server's shell.
    if (value === undefined || value.startsWith('()')) return []
    if (!PASSED.includes(upper) && !PASSED_BEGINNINGS.some((beginning) => upper.startsWith(beginning))) return []
    return [[name, ADDRESSES.includes(upper) ? withoutUser(value) : value]]
  })
  return { ...Object.fromEntries(passed), ...own }
}

/** An address without what is before its last `@`, as a password may contain `@` and `/`. */
function withoutUser(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1')
}
