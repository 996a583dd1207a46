// Who this process is among all that use the same storage, and which of the others live.
// Must stay true: two processes have the same machine name only where each of them can see the other.
import { randomUUID } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Containers of one machine may share a host name, and number their processes alike: what tells them apart is this. */
const processNamespace = (): string => {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
  } catch {
    return '' // not Linux: one for all
  }
}

/** `<machine>:<pid>:<start id>` */
export const newOwner = (): string => `${hostname()}/${processNamespace()}:${process.pid}:${randomUUID()}`

/** Whether a process of this machine lives. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
