/** What one metric name means: shared by the workers that count and the primary that adds up. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets in ascending order, without +Inf. */
  readonly buckets: readonly number[];
  /** How a gauge of several workers is one: their sum, or the highest for what all of them see. Default sum. */
  readonly merge?: 'highest';
}

const counter = (name: string, help: string, ...labels: string[]): Family => ({
  name,
  help,
  kind: 'counter',
  labels,
  buckets: [],
});

const gauge = (name: string, help: string, ...labels: string[]): Family => ({
  ...counter(name, help, ...labels),
  kind: 'gauge',
});

/** A gauge of what all workers see. */
const highest = (name: string, help: string, ...labels: string[]): Family => ({
  ...gauge(name, help, ...labels),
  merge: 'highest',
});

const histogram = (name: string, help: string, buckets: readonly number[], ...labels: string[]): Family => ({
  ...counter(name, help, ...labels),
  kind: 'histogram',
  buckets,
});

/** Seconds; for what includes a network and somebody else's server. */
const LATENCY = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Seconds; for the gateway's own share, which is tens of microseconds when all is well. */
const OWN_SHARE = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

/** Every metric of this version. The names are part of the public contract. */
export const FAMILIES = Object.freeze({
  requests: counter('sluice_requests_total', 'Finished requests.', 'route', 'method', 'code'),
  requestDuration: histogram(
    'sluice_request_duration_seconds',
    'Time from a request to the last byte of its answer.',
    LATENCY,
    'route',
  ),
  gatewayDuration: histogram(
    'sluice_gateway_duration_seconds',
    'Time of a request that was not spent waiting for an upstream.',
    OWN_SHARE,
    'route',
  ),
  upstreamDuration: histogram(
    'sluice_upstream_duration_seconds',
    'Time of one attempt at an upstream.',
    LATENCY,
    'upstream',
  ),
  activeRequests: gauge('sluice_active_requests', 'Requests in flight.'),
  connections: gauge('sluice_connections', 'Open client connections.'),
  upstreamRequests: counter(
    'sluice_upstream_requests_total',
    'Attempts at an upstream by outcome: ok, status_5xx, given_up, or the code of the fault.',
    'upstream',
    'target',
    'outcome',
  ),
  retries: counter(
    'sluice_retries_total',
    'Attempts after the first one by outcome: ok, status_5xx, given_up, or the code of the fault.',
    'upstream',
    'outcome',
  ),
  auth: counter(
    'sluice_auth_total',
    'Looks at credentials by outcome: accepted, refused, unavailable; missing = none was shown.',
    'route',
    'method',
    'outcome',
  ),
  limitTableFull: counter(
    'sluice_limit_table_full_total',
    'Decisions of limits about a key that found no place in the memory where this node counts.',
  ),
  targetHealth: gauge(
    'sluice_target_health',
    'Whether a target is used, as far as probes and ejections say: 1 or 0.',
    'upstream',
    'target',
  ),
  limitStoreDegraded: highest(
    'sluice_limit_store_degraded',
    '1 while Redis cannot be asked and this node enforces its part of every limit by itself.',
  ),
  limitStoreOperations: counter(
    'sluice_limit_store_operations_total',
    'Scripts sent to Redis for limits: those of decisions, leases and what is given back.',
  ),
  breakerState: highest(
    'sluice_breaker_state',
    'Breaker of an upstream (empty target) or of a target: 0 closed, 1 half-open, 2 open.',
    'upstream',
    'target',
  ),
  doorRefusals: counter(
    'sluice_refused_at_door_total',
    'Connections and requests turned away by address (limits.connectionsPerIp, limits.requestsPerIp).',
    'what',
  ),
  limitDecisions: counter(
    'sluice_limit_decisions_total',
    'Answers of limits by decision: allowed, refused, or shadow (would have been refused).',
    'route',
    'limit',
    'decision',
  ),
  eventLoopLag: gauge(
    'sluice_event_loop_lag_seconds',
    'Delay of the event loop, 99th percentile since the last report.',
    'worker',
  ),
  logDropped: counter(
    'sluice_log_lines_dropped_total',
    'Log lines given up because the reader of standard output was too slow or gone.',
  ),
  configGeneration: gauge('sluice_config_generation', 'Generation of the configuration being served.'),
  configApplied: gauge('sluice_config_applied', 'Generation that a worker serves.', 'worker'),
  workerRestarts: counter('sluice_worker_restarts_total', 'Workers that died and were replaced.'),
  buildInfo: gauge('sluice_build_info', 'Always 1; the labels say what runs.', 'version', 'node', 'edge'),
});
