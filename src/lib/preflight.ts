import type { Headers } from '../contracts/http.ts';
import { getField } from './fields.ts';

/**
 * The method that a request is matched by: for a CORS preflight (Fetch standard, CORS protocol) the one it asks
 * for, so that it meets the policies of the route that it is about; for any other request its own.
 */
export function matchMethod(method: string, headers: Headers): string {
  if (method !== 'OPTIONS' || getField(headers, 'origin') === undefined) return method;
  return getField(headers, 'access-control-request-method') ?? method;
}
