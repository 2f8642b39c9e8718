import { request as httpRequest } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** One request to an admin port of this machine. Not `fetch`: that sets Host and Origin by its own rules. */
export function request(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: '127.0.0.1', port, method, path, headers: { ...type, ...headers }, agent: false },
      (reply) => {
        let got = '';
        reply.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
        reply.on('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers as Answer['headers'],
            text: got,
            json: isJson(reply.headers['content-type']) ? (JSON.parse(got) as Answer['json']) : {},
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

const isJson = (type: string | undefined): boolean => type !== undefined && /[/+]json\b/.test(type);
