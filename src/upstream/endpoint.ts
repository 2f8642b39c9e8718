import type { Transport } from '../contracts/transport.ts';
import type { Member } from './balance/balancer.ts';
import type { Load } from './load.ts';
import type { Candidate, Health } from './plan.ts';

/** A target as configured. */
export interface TargetSpec {
  /** Label: `host:port` as configured. */
  readonly id: string;
  readonly authority: string;
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string | null;
}

/** One address of a target: what requests are sent to. A target that is an address has one, a name may have several. */
export class Endpoint implements Member, Candidate {
  readonly id: string;
  readonly key: string;
  readonly authority: string;
  readonly priority: number;
  readonly zone: string | null;
  readonly transport: Transport;
  readonly load: Load;
  readonly spec: TargetSpec;
  weight = 0;
  health: Health = 'unknown';

  constructor(spec: TargetSpec, key: string, transport: Transport, load: Load) {
    this.spec = spec;
    this.id = spec.id;
    this.key = key;
    this.authority = spec.authority;
    this.priority = spec.priority;
    this.zone = spec.zone;
    this.transport = transport;
    this.load = load;
  }
}

/** Key of an address of a target: what its health and ejections are known by. `address` null = the target is one. */
export const endpointKey = (targetId: string, address: string | null): string =>
  address === null ? targetId : `${targetId} ${address}`;
