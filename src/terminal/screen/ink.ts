/**
 * Ink, imported without the variable `CI`. With `CI` set, Ink draws only once at its end: right for a log, wrong for a
 * terminal, and a chat always has one. Ink reads the variable only while it is imported.
 */
const { CI, CONTINUOUS_INTEGRATION } = process.env
delete process.env.CI
delete process.env.CONTINUOUS_INTEGRATION
export const { render, Static, Transform, useInput } = await import('ink')
if (CI !== undefined) process.env.CI = CI
if (CONTINUOUS_INTEGRATION !== undefined) process.env.CONTINUOUS_INTEGRATION = CONTINUOUS_INTEGRATION
