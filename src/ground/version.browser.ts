/** Written by the build. */
declare const MOLM_VERSION: string

export function molmVersion(): string {
  return MOLM_VERSION
}
