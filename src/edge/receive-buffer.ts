import { readdirSync, readlinkSync } from 'node:fs';
import { libc } from '../lib/libc.ts';

/**
 * The addon reads 512 KB at a time, and again at once for as long as that much was there, paused or not. A socket
 * whose buffer holds less ends each turn with a short read, after which a pause holds. Node cannot set the size
 * of that buffer, the C library can; accepted sockets inherit it from the one that listens.
 */

/** Linux on every processor that Node has builds for. */
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

/**
 * Fixes the receive buffer of a socket, and of those that it accepts from now on, at `bytes` (`SO_RCVBUF`,
 * socket(7)): the kernel takes no more than `net.core.rmem_max`, doubles that for its own records, and no longer
 * lets it grow with the connection. False = that is not possible here, and nothing has changed.
 */
export function boundReceiveBuffer(fd: number, bytes: number): boolean {
  // An optional package: without it the budget of `body-queue.ts` alone rules.
  return libc()?.setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, bytes) ?? false;
}

/** File descriptors of the sockets that `open` leaves open. Linux only; elsewhere none. */
export function socketsOpenedBy(open: () => void): number[] {
  const before = sockets();
  open();
  return [...sockets()].flatMap(([socket, fd]) => (before.has(socket) ? [] : [fd]));
}

/** Every socket of this process by its identity, because a descriptor's number is used again. */
function sockets(): Map<string, number> {
  const found = new Map<string, number>();
  for (const fd of listDescriptors()) {
    const target = targetOf(fd);
    if (target.startsWith('socket:')) found.set(target, Number(fd));
  }
  return found;
}

const FOLDER = '/proc/self/fd';

function listDescriptors(): string[] {
  try {
    return readdirSync(FOLDER);
  } catch {
    return [];
  }
}

/** Empty for the one that the list itself was read through: it is closed by now. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`${FOLDER}/${fd}`);
  } catch {
    return '';
  }
}
