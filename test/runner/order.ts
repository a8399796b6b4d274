/** Files that take longest, the longest first: a run that begins with them does not end with a single busy worker. */
export const LONG_FILES: readonly string[] = [
  'teaching/teach.test.js',
  'tui/chat-in-terminal.test.js',
  'rounding/convert.test.js',
  'tui/kept-chat-in-terminal.test.js',
  'cli/teach.test.js',
  'tui/walk-in-terminal.test.js',
  'server/page-markdown.test.js',
  'server/connections.test.js',
  'server/hostile-bodies.test.js',
  'surgery/prune.test.js',
  'server/page.test.js',
  'kernels/softmax-attention.test.js',
  'hub/resume.test.js',
  'architectures/families.test.js',
  'training/differences.test.js',
  'cli/experts.test.js',
  'cli/conversation-options.test.js',
  'hub/faults.test.js',
  'engine/quantisation.test.js',
  'fuzz/supervisor.test.js',
  'cli/eval.test.js',
]

/** Files that measure time or memory, and fail when other work shares the machine: they run last, one by one. */
export const ALONE: readonly string[] = [
  'engine/small-memory.test.js',
  'library/process-end.test.js',
  'session/responsiveness.test.js',
]

/** Splits files into those that may run side by side, in the order to start them, and those that run alone. */
export function planned(files: readonly string[]): { together: string[]; alone: string[] } {
  const rank = (file: string) => (LONG_FILES.includes(file) ? LONG_FILES.indexOf(file) : LONG_FILES.length)
  return {
    together: files.filter((file) => !ALONE.includes(file)).sort((a, b) => rank(a) - rank(b)),
    alone: files.filter((file) => ALONE.includes(file)),
  }
}
