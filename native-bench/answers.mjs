/** Whether a proxy does its work: one request looked at closely, before anything is measured. */
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { FIELDS } from './fields.mjs';

const HOST = 'api.example.com';
/** What the origin must see beside what the client sent. */
const ADDED = {
  host: HOST,
  'x-forwarded-for': '127.0.0.1',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': HOST,
};
/** What of the origin's reply the client must see. */
const KEPT = ['etag', 'vary', 'cache-control', 'content-type', 'x-content-type-options', 'x-origin-time'];

/** One request on a connection of its own: status, fields (lower-case names) and body of the answer. */
export async function ask(url, { method = 'GET', headers = {}, body } = {}) {
  const agent = new Agent({ keepAlive: true });
  try {
    const sent = request(url, { agent, method, headers, timeout: 5000 });
    const answered = new Promise((resolve, reject) => {
      sent.once('response', resolve).once('error', reject);
      sent.once('timeout', () => sent.destroy(new Error(`${url} does not answer`)));
    });
    sent.end(body);
    const answer = await answered;
    return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
  } finally {
    agent.destroy();
  }
}

/**
 * Throws unless the proxy gives the expected answer. `token`: what is sent in place of the usual bearer token;
 * `forwards`: the answer is the origin's, so both directions are compared field by field.
 */
export async function checkAnswer(origin, { path, body, fields, token, forwards }) {
  const headers = Object.fromEntries(FIELDS);
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const post = { method: 'POST', headers, body: '0123456789abcdef'.repeat(1024) };
  const answer = await ask(origin + path, fields === 'post' ? post : { headers });
  if (answer.status !== 200 || answer.body !== body)
    throw new Error(`${path} answered ${answer.status} ${JSON.stringify(answer.body.slice(0, 200))}`);
  if (forwards) await checkForwarding(origin, headers, answer);
}

async function checkForwarding(origin, headers, answer) {
  const lost = KEPT.filter((name) => answer.headers[name] === undefined);
  if (lost.length > 0) throw new Error(`the origin's reply comes without ${lost.join(', ')}`);
  const { body } = await ask(`${origin}/api/echo`, { headers });
  const seen = new Map(body.split('\r\n').slice(1).map(parseField));
  for (const [name, value] of Object.entries({ ...headers, ...ADDED }))
    if (seen.get(name) !== value) throw new Error(`the origin sees ${name}: ${seen.get(name)}, not ${value}`);
  if (!seen.get('x-request-id')) throw new Error('the origin sees no x-request-id');
}

function parseField(line) {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** Throws unless a token whose signature was changed is refused. */
export async function checkRefusal(origin, path, token) {
  const dot = token.lastIndexOf('.') + 1;
  const forged = token.slice(0, dot) + (token[dot] === 'A' ? 'B' : 'A') + token.slice(dot + 1);
  const { status } = await ask(origin + path, { headers: { host: HOST, authorization: `Bearer ${forged}` } });
  if (status !== 401) throw new Error(`a forged token was answered with ${status}`);
}
