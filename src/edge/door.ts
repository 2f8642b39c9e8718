import type { GatewayConfig } from '../contracts/config.ts';
import type { Facts } from '../contracts/facts.ts';
import type { Reply } from '../contracts/http.ts';
import type { Bucket, LimitStore } from '../contracts/stores.ts';
import { CidrSet } from '../lib/cidr.ts';
import { newTraceId } from '../lib/ids.ts';
import { problemReply } from '../lib/problem.ts';
import { Bans } from './bans.ts';
import { clientOf, countConnections, type Counts } from './kernel-table.ts';

const RECOUNT_MS = 1_000;
const NOBODY: Counts = new Map();

export interface DoorOptions {
  /** Where requests are counted: in this node. */
  readonly limits: LimitStore;
  readonly facts: Facts;
  /** Takes a line for the operator. */
  readonly warn: (line: string) => void;
}

/**
 * Turns clients away by the address of their connection, before anything else is done for them: too many connections
 * (`limits.connectionsPerIp`), or too many requests (`limits.requestsPerIp`), which is followed by a ban. One for all
 * listeners of a worker. Trusted proxies, behind whom many clients stand, are let in.
 */
export class Door {
  /** Whether connections, and requests, are to be asked about: one look when they are not. */
  guardsConnections = false;
  guardsRequests = false;
  /** Turned away so far. */
  readonly refused = { connections: 0, requests: 0 };
  readonly #options: DoorOptions;
  readonly #bans: Bans;
  #trusted = new CidrSet([]);
  #most = Infinity;
  #ports: ReadonlySet<number> = new Set();
  #bucket: Bucket | null = null;
  #banMs = 0;
  /** What the kernel said last, and who came since it was asked. */
  #counted = NOBODY;
  #before = new Map<string, number>();
  #since = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#bans = new Bans(options.facts);
  }

  /** Follows this configuration from now on. */
  use({ limits, trustedProxies, listen }: GatewayConfig): void {
    const { connectionsPerIp, requestsPerIp } = limits;
    this.#trusted = new CidrSet(trustedProxies);
    this.#most = connectionsPerIp ?? Infinity;
    this.#ports = new Set([listen.http.port, ...(listen.https === undefined ? [] : [listen.https.port])]);
    this.#bucket = null;
    if (requestsPerIp !== undefined) {
      const { amount, periodMs } = requestsPerIp.rate;
      const algorithm = 'token-bucket';
      // No route has an id that begins like this.
      const rule = {
        id: '-/requestsPerIp',
        algorithm,
        amount,
        periodMs,
        burst: amount,
        exact: false,
      } as const;
      this.#bucket = this.#options.limits.bucket(rule);
      this.#banMs = requestsPerIp.ban;
    }
    this.guardsRequests = requestsPerIp !== undefined;
    this.guardsConnections = this.guardsRequests || connectionsPerIp !== undefined;
    if (connectionsPerIp === undefined) this.close();
    else this.#timer ??= setInterval(() => this.#recount(), RECOUNT_MS).unref();
  }

  /** Whether a new connection may stay. */
  admits(ip: string): boolean {
    if (this.#trusted.has(ip)) return true;
    const client = clientOf(ip);
    if ((!this.guardsRequests || this.#bans.left(client) === 0) && this.#hasRoom(client)) return true;
    this.refused.connections++;
    return false;
  }

  /** The answer to a request that is not to be looked at, after which its connection ends; null = it may pass. */
  refuses(ip: string): Reply | null {
    const bucket = this.#bucket;
    if (bucket === null || this.#trusted.has(ip)) return null;
    const client = clientOf(ip);
    let ms = this.#bans.left(client);
    if (ms === 0) {
      const verdict = bucket.take(client, 1);
      if (typeof verdict !== 'number') void verdict.then((late) => late < 0 && this.#ban(client));
      if (typeof verdict !== 'number' || verdict >= 0) return null;
      ms = this.#ban(client);
    }
    this.refused.requests++;
    const seconds = String(Math.ceil(ms / 1000));
    return problemReply('rate_limited', `Try again in ${seconds} s.`, newTraceId(), ['retry-after', seconds]);
  }

  /** Counts no longer. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#counted = NOBODY;
  }

  #ban(client: string): number {
    this.#bans.add(client, this.#banMs);
    return Math.max(1, this.#banMs);
  }

  #hasRoom(client: string): boolean {
    if (this.#most === Infinity) return true;
    const came = this.#since.get(client) ?? 0;
    const open = (this.#counted.get(client) ?? 0) + (this.#before.get(client) ?? 0) + came;
    if (open >= this.#most) return false;
    this.#since.set(client, came + 1);
    return true;
  }

  #recount(): void {
    this.#before = this.#since;
    this.#since = new Map();
    countConnections(this.#ports, (counts) => {
      this.#before = new Map();
      if (this.#timer === null) return;
      if (counts !== null) this.#counted = counts;
      else {
        this.close();
        this.guardsConnections = this.guardsRequests;
        this.#options.warn(NO_TABLE);
      }
    });
  }
}

const NO_TABLE =
  'limits.connectionsPerIp has no effect: the table of connections (/proc/net/tcp) cannot be read';
