import { useEffect, useState } from 'react'
import type { Terminal, WindowSize } from './terminal.js'

/** The size of the window, as it changes. */
export function useWindowSize(terminal: Terminal): WindowSize {
  const [size, setSize] = useState(terminal.size)
  useEffect(() => {
    const follow = () => setSize(terminal.size)
    terminal.on('resize', follow)
    return () => {
      terminal.off('resize', follow)
    }
  }, [terminal])
  return size
}
