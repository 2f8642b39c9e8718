import { describe, expect, test } from 'vitest';
import { FAULTS, type FaultCode } from '../../src/contracts/fault.ts';
import { getField } from '../../src/lib/fields.ts';
import { problemReply } from '../../src/lib/problem.ts';

const document = (body: Uint8Array | null): unknown => JSON.parse(Buffer.from(body ?? []).toString());

const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

describe.each(Object.keys(FAULTS) as FaultCode[])('%s', (code) => {
  test('is a problem document that no cache keeps', () => {
    const { status, headers, body } = problemReply(code, 'why "it" is so\n€', 'req-1');
    expect(status).toBe(FAULTS[code].status);
    expect(getField(headers, 'content-type')).toBe('application/problem+json');
    expect(getField(headers, 'cache-control')).toBe('no-store');
    expect(document(body)).toEqual({
      type: code === 'rate_limited' ? QUOTA_EXCEEDED : `urn:sluice:problem:${code}`,
      title: FAULTS[code].title,
      status,
      detail: 'why "it" is so\n€',
      instance: 'req-1',
    });
  });

  test('blames the upstream side exactly when that is at fault', () => {
    const { proxy } = FAULTS[code];
    const field = getField(problemReply(code, '', 'x').headers, 'proxy-status');
    expect(field).toBe(proxy === null ? undefined : `sluice; error=${proxy}`);
  });
});

test('more fields are carried, and no two replies share a list', () => {
  const one = problemReply('method_not_allowed', '', 'x', ['allow', 'GET']);
  const two = problemReply('method_not_allowed', '', 'x');
  one.headers.push('x-later', '1');
  expect(getField(one.headers, 'allow')).toBe('GET');
  expect(two.headers).toEqual(['content-type', 'application/problem+json', 'cache-control', 'no-store']);
});

test('a problem type may have members of its own', () => {
  const { body } = problemReply('rate_limited', 'd', 'x', [], { 'violated-policies': ['a"b'] });
  expect(document(body)).toMatchObject({ detail: 'd', instance: 'x', 'violated-policies': ['a"b'] });
});
