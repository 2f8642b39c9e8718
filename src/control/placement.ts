import type { GatewayConfig } from '../contracts/config.ts';
import { chooseEdge, type EdgeChoice } from './edge-choice.ts';
import { addressOf, probePort } from './ports.ts';

type Listen = GatewayConfig['listen'];
type EdgeKind = EdgeChoice['edge'];

/** What is settled about the listeners when a node starts, and stays so over reloads. */
export class Placement {
  /** What serves where nothing else is wished. */
  readonly edge: EdgeKind;
  readonly blockWrite: boolean;
  /** Why uWebSockets.js is wished for and not used; null = it is not so. */
  readonly why: string | null;
  readonly #http: Listen['http'];
  readonly #https: Listen['https'];

  private constructor({ listen: { http, https } }: GatewayConfig, choice: EdgeChoice) {
    const usable = (wish: EdgeKind): EdgeKind => (wish === 'node' ? 'node' : choice.edge);
    const httpEdge = http.edge ?? 'uws';
    this.edge = usable(httpEdge);
    this.blockWrite = choice.blockWrite;
    this.why = choice.why;
    this.#http = { ...http, edge: this.edge };
    this.#https = https && { ...https, edge: usable(https.edge ?? httpEdge) };
  }

  /** Tries uWebSockets.js, unless every listener wants the node edge. */
  static async choose(config: GatewayConfig): Promise<Placement> {
    const { http, https } = config.listen;
    const wishes = [http.edge ?? 'uws', https?.edge ?? http.edge ?? 'uws'];
    const wanted = wishes.includes('uws') ? 'uws' : 'node';
    return new Placement(config, await chooseEdge(wanted, config.limits.headerBytes));
  }

  /** Makes sure that the ports can be had, and settles which they are where any will do. Rejects with the reason. */
  async takePorts(): Promise<void> {
    for (const each of [this.#http, this.#https])
      if (each !== undefined) each.port = await probePort(each.host, each.port);
  }

  /** The configuration as it is served here. */
  apply(config: GatewayConfig): GatewayConfig {
    const { https } = config.listen;
    const settled = https && this.#https && { ...https, port: this.#https.port, edge: this.#https.edge };
    return { ...config, listen: { ...config.listen, http: this.#http, ...(settled && { https: settled }) } };
  }

  /** Addresses, for people. */
  get addresses(): { readonly http: string; readonly https?: string } {
    const of = ({ host, port }: Listen['http']) => addressOf(host, port);
    return {
      http: `http://${of(this.#http)}`,
      ...(this.#https && { https: `https://${of(this.#https)}` }),
    };
  }
}
