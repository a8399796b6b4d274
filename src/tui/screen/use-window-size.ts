import { useEffect, useState } from 'react'
import type { Terminal, WindowSize } from './terminal.js'

/** The current size of the window. */
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
