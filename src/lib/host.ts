import { isIPv6 } from 'node:net';

/** Labels of unreserved characters and sub-delims (RFC 3986 section 3.2.2) but the comma. */
const LOWER_NAME = /^[a-z0-9_~!$&'()*+;=-]+(?:\.[a-z0-9_~!$&'()*+;=-]+)*$/;
/** The same in any case, and with the dot of the root. */
const ANY_NAME = /^[A-Za-z0-9_~!$&'()*+;=-]+(?:\.[A-Za-z0-9_~!$&'()*+;=-]+)*\.?$/;
/** No zone (`%eth0`): it means something on the sender's machine only. */
const LITERAL = /^\[[0-9A-Fa-f:.]+\]$/;

/** The DNS knows no name of more than 253 characters; one more for the root's dot. */
const LONGEST = 254;

/**
 * The host that the value of a Host field names (RFC 9110 section 7.2), as routes match it: lower case,
 * without port, without the root's dot; an IPv6 literal keeps its brackets. Null = answer 400.
 *
 * Stricter than RFC 3986: no escapes and no comma, which servers behind the gateway read in different ways;
 * no empty labels. A lower-case name without a port costs one scan and is returned as it is.
 */
export function parseHost(field: string): string | null {
  // Most requests name the host that the one before named.
  if (field !== lastField) {
    lastHost = parse(field);
    lastField = field;
  }
  return lastHost;
}

let lastField = '';
let lastHost: string | null = null;

function parse(field: string): string | null {
  const colon = field.indexOf(':', field.startsWith('[') ? field.indexOf(']') : 0);
  if (colon >= 0 && !validPort(field, colon + 1)) return null;
  const host = colon < 0 ? field : field.slice(0, colon);
  if (host.length > LONGEST) return null;
  if (LOWER_NAME.test(host)) return host;
  if (ANY_NAME.test(host)) return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
  return LITERAL.test(host) && isIPv6(host.slice(1, -1)) ? host.toLowerCase() : null;
}

/** Whether the text from `start` on is a port; RFC 3986 lets the number be absent. */
function validPort(field: string, start: number): boolean {
  if (field.length - start > 5) return false;
  let port = 0;
  for (let i = start; i < field.length; i++) {
    const digit = field.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
