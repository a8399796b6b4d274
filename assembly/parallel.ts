/*
 * Parallel-for over the threads of one memory.
 *
 * The leader publishes a job (kind, chunks, arguments) under a new epoch. Every thread claims runs of chunks until none
 * is left. The leader returns when all claimed chunks are finished. Chunks are independent, so it does not matter which
 * thread computes which.
 *
 * Claims, not a fixed split: a fixed split waits for the slowest thread, and a thread that the operating system has
 * suspended takes milliseconds. With claims such a thread simply claims nothing.
 * Long runs first, single chunks at the end: long runs read memory in long streams, and at the end no thread waits for
 * more than one chunk (guided self-scheduling, Polychronopoulos and Kuck 1987).
 * A bounded spin: a decode step has hundreds of jobs a few microseconds apart, and sleeping costs tens of microseconds;
 * but an unbounded spin occupies the core that the awaited thread may need.
 */
import { Address, Job } from '../src/kernels/abi/control'
import { execute } from './jobs'

/**
 * Claims and computes chunks of job `epoch` until none is left or the job is over. Returns the number that it finished.
 */
function work(epoch: i32): i32 {
  const kind = atomic.load<i32>(Address.kind)
  const chunks = atomic.load<i32>(Address.chunks)
  const shares = 2 * (load<i32>(Address.helpers) + 1)
  let finished = 0
  while (true) {
    const seen = atomic.load<i64>(Address.claim)
    const first = <i32>seen
    if (<i32>(seen >> 32) != epoch || first >= chunks) return finished
    // Half of this thread's even share of the rest.
    const count = (chunks - first + shares - 1) / shares
    if (atomic.cmpxchg<i64>(Address.claim, seen, seen + count) != seen) continue
    execute(kind, first, first + count)
    finished += count
  }
}

/**
 * Runs one job on all threads and returns when it is finished. Only the leader calls it, after storing the arguments. A
 * job of one chunk stays on the leader: waking the others would cost more than they save.
 */
export function run(kind: i32, chunks: i32): void {
  if (chunks <= 1 || load<i32>(Address.helpers) == 0) {
    execute(kind, 0, chunks)
    return
  }
  const epoch = publish(kind, chunks)
  let done = work(epoch)
  done += atomic.add<i32>(Address.done, done)
  const patience = load<i32>(Address.spin)
  for (let spins = 0; done < chunks; done = atomic.load<i32>(Address.done)) {
    if (++spins < patience) continue
    atomic.store<i32>(Address.leaderSleeps, 1)
    atomic.wait<i32>(Address.done, done, -1)
    atomic.store<i32>(Address.leaderSleeps, 0)
  }
}

/**
 * Publishes a job to the helpers and wakes the sleeping ones; returns its epoch. Claims are closed first: a helper that
 * is still in the previous job, and reads the new number of chunks, must not claim one of them under the old epoch.
 */
export function publish(kind: i32, chunks: i32): i32 {
  const epoch = atomic.load<i32>(Address.epoch) + 1
  atomic.store<i64>(Address.claim, ((<i64>epoch) << 32) | i32.MAX_VALUE)
  atomic.store<i32>(Address.done, 0)
  atomic.store<i32>(Address.kind, kind)
  atomic.store<i32>(Address.chunks, chunks)
  atomic.store<i64>(Address.claim, (<i64>epoch) << 32)
  atomic.store<i32>(Address.epoch, epoch)
  if (atomic.load<i32>(Address.sleepers) > 0) atomic.notify(Address.epoch, -1)
  return epoch
}

/**
 * Main loop of a helper: waits for jobs and takes part in them, until the job `leave` is published after epoch `seen`.
 * Returns the epoch of that job.
 */
export function help(seen: i32): i32 {
  while (true) {
    const epoch = nextEpoch(seen)
    if (atomic.load<i32>(Address.kind) == Job.leave && atomic.load<i32>(Address.epoch) == epoch) return epoch
    const finished = work(epoch)
    if (finished > 0) {
      const chunks = atomic.load<i32>(Address.chunks)
      const done = atomic.add<i32>(Address.done, finished) + finished
      if (done >= chunks && atomic.load<i32>(Address.leaderSleeps)) atomic.notify(Address.done, 1)
    }
    seen = epoch
  }
}

/** Waits until the epoch differs from `seen`, first spinning, then asleep. */
function nextEpoch(seen: i32): i32 {
  const patience = load<i32>(Address.spin)
  let epoch = atomic.load<i32>(Address.epoch)
  for (let spins = 0; epoch == seen; epoch = atomic.load<i32>(Address.epoch)) {
    if (++spins < patience) continue
    atomic.add<i32>(Address.sleepers, 1)
    atomic.wait<i32>(Address.epoch, seen, -1)
    atomic.sub<i32>(Address.sleepers, 1)
  }
  return epoch
}
