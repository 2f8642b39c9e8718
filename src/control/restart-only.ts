import type { GatewayConfig } from '../contracts/config.ts';

/** What is fixed when processes start and sockets open. */
const RESTART_ONLY = [
  'listen',
  'admin.host',
  'admin.port',
  'workers',
  'verifyThreads',
  'store.kind',
  'store.dir',
  'store.memory',
  'limits.headerBytes',
  'limits.receiveBuffer',
];

/** What listeners change while they run. */
const RELOADABLE: ReadonlySet<string> = new Set([
  'listen.https.certificates',
  'listen.https.clientCa',
  'listen.https.publicPort',
]);

/** Dotted paths of the restart-only keys in which two configurations differ. */
export function restartOnlyChanges(before: GatewayConfig, after: GatewayConfig): string[] {
  return RESTART_ONLY.flatMap((path) => {
    const steps = path.split('.');
    return leafChanges(steps.reduce(step, before as unknown), steps.reduce(step, after as unknown), path);
  });
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const step = (value: unknown, key: string): unknown =>
  isObject(value) ? (value as Record<string, unknown>)[key] : undefined;

function leafChanges(before: unknown, after: unknown, path: string): string[] {
  if (RELOADABLE.has(path)) return [];
  if (!isObject(before) || !isObject(after)) return before === after ? [] : [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => leafChanges(step(before, key), step(after, key), `${path}.${key}`));
}
