import { readFile } from 'node:fs';
import { networkOf } from '../lib/cidr.ts';

/**
 * Connections by client, as the kernel knows them: every worker's, those in accept queues included. An edge cannot count
 * them itself, because the addon tells that a connection closed and not whose.
 */
export type Counts = ReadonlyMap<string, number>;

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/** States that cost us something: established, and half-closed by the client (`include/net/tcp_states.h`). */
const HELD: ReadonlySet<string> = new Set(['01', '08']);

/**
 * Counts the connections to these local ports.
 * @param done Gets null where there is no such table.
 */
export function countConnections(ports: ReadonlySet<number>, done: (counts: Counts | null) => void): void {
  const counts = new Map<string, number>();
  let left = TABLES.length;
  let found = false;
  for (const table of TABLES)
    readFile(table, 'latin1', (error, text) => {
      if (error === null) {
        found = true;
        addTable(text, ports, counts);
      }
      if (--left === 0) done(found ? counts : null);
    });
}

/** Adds what one table (`sl: local:port remote:port state …`, all in hexadecimal) says of these local ports. */
export function addTable(text: string, ports: ReadonlySet<number>, counts: Map<string, number>): void {
  const wanted = new Set([...ports].map((port) => port.toString(16).toUpperCase().padStart(4, '0')));
  const remotes = new Map<string, number>();
  for (let at = text.indexOf('\n') + 1; at > 0 && at < text.length; at = text.indexOf('\n', at) + 1) {
    const local = text.indexOf(': ', at) + 2;
    const port = text.indexOf(':', local) + 1;
    if (!wanted.has(text.slice(port, port + 4))) continue;
    const remote = port + 5;
    const end = text.indexOf(':', remote);
    if (!HELD.has(text.slice(end + 6, end + 8))) continue;
    const address = text.slice(remote, end);
    remotes.set(address, (remotes.get(address) ?? 0) + 1);
  }
  for (const [address, count] of remotes) {
    const client = clientOf(textOf(address));
    counts.set(client, (counts.get(client) ?? 0) + count);
  }
}

/** Whom an address belongs to: IPv6 clients have a network of 64 bits. */
export const clientOf = (ip: string): string => networkOf(ip, 64);

const MAPPED = /^0{16}FFFF0000(.{8})$/;

/** An address of the table as text: words of 32 bits in the byte order of the machine, which is little-endian here. */
function textOf(hex: string): string {
  const words = MAPPED.exec(hex)?.[1] ?? hex;
  const bytes = Buffer.from(words, 'hex');
  bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return groups.join(':');
}
