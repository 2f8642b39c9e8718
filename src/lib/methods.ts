/**
 * Methods that the gateway forwards and that routes, logs and metrics may name: RFC 9110 (without CONNECT,
 * which asks for a tunnel), RFC 5789 PATCH, WebDAV (RFC 4918, 3253, 5323), LINK and UNLINK (RFC 2068),
 * QUERY, and the PURGE of caches. Anything else is `OTHER` in metrics, so that no client invents labels.
 */
export const KNOWN_METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'SEARCH', 'REPORT'],
  ...['PURGE', 'LINK', 'UNLINK', 'QUERY'],
]);
