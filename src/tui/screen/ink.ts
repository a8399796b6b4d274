/**
 * Ink, which draws whatever `CI` says. With that variable set Ink keeps its drawing to itself until it ends: right
 * for a log, wrong for a terminal, and a chat runs nowhere else. Ink looks once, while it is imported.
 */
const { CI, CONTINUOUS_INTEGRATION } = process.env
delete process.env.CI
delete process.env.CONTINUOUS_INTEGRATION
export const { render, Text } = await import('ink')
if (CI !== undefined) process.env.CI = CI
if (CONTINUOUS_INTEGRATION !== undefined) process.env.CONTINUOUS_INTEGRATION = CONTINUOUS_INTEGRATION
