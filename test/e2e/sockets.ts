import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The process, of those given, that holds the server's end of the connection from `clientPort`. */
export function ownerOf(serverPort: number, clientPort: number, pids: readonly number[]): number | undefined {
  const inode = inodeOf(serverPort, clientPort);
  return inode === undefined ? undefined : pids.find((pid) => holds(pid, `socket:[${inode}]`));
}

function inodeOf(local: number, remote: number): string | undefined {
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (portOf(columns[1]) === local && portOf(columns[2]) === remote) return columns[9];
    }
  }
  return undefined;
}

const portOf = (address: string | undefined): number => parseInt(address?.split(':')[1] ?? '', 16);

function holds(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`) === socket;
    } catch {
      return false; // Closed while we looked.
    }
  });
}
