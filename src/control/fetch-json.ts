/** What a URL gave: a value and how long it is fresh (milliseconds, null = not said), or what went wrong. */
export type Fetched =
  { readonly value: unknown; readonly maxAge: number | null } | { readonly problem: string };

/** Larger documents are not what was asked for. */
const LARGEST = 512 * 1024;

/** Fetches JSON over http or https, without following redirects. Never rejects. */
export async function fetchJson(url: string, timeoutMs: number): Promise<Fetched> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { accept: 'application/json', 'cache-control': 'no-cache' };
    const response = await fetch(url, { signal, headers, redirect: 'manual' });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { problem: `it answers ${String(response.status)}` };
    }
    const text = await read(response);
    if (text === null) return { problem: 'it is larger than 512 KB' };
    return { value: JSON.parse(text) as unknown, maxAge: maxAgeOf(response.headers.get('cache-control')) };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

async function read(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop ends the transfer.
    if (size > LARGEST) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function maxAgeOf(cacheControl: string | null): number | null {
  const [, seconds] = /(?:^|[,\s])max-age="?(\d{1,9})/i.exec(cacheControl ?? '') ?? [];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

/** No content: a document that does not parse may hold what is not for a log. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is not JSON';
  if (!(error instanceof Error)) return 'it cannot be fetched';
  if (error.name === 'TimeoutError') return 'it does not answer in time';
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message;
}
