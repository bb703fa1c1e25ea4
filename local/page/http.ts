/** The small part of HTTP that the page needs: guarded requests in, safe answers out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Html } from './html.ts';

/** Larger than any card or form here. */
const BODY_BYTES_MAX = 512 * 1024;

export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly form: URLSearchParams;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** No script but our own file, no style but our own file, nothing from elsewhere, no frame around us. */
const SAFE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not no-referrer: that would make browsers send `Origin: null` with our own forms.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

export function page(status: number, content: Html, headers: Record<string, string> = {}): Answer {
  const type = 'text/html; charset=utf-8';
  return { status, headers: { ...headers, 'content-type': type }, body: content.markup };
}

export function json(status: number, value: unknown): Answer {
  const type = 'application/json; charset=utf-8';
  return { status, headers: { 'content-type': type }, body: JSON.stringify(value) };
}

export function text(status: number, body: string, type = 'text/plain'): Answer {
  return { status, headers: { 'content-type': `${type}; charset=utf-8` }, body };
}

/** After a form: the browser loads the page anew, and a reload sends nothing twice. */
export function seeOther(location: string, headers: Record<string, string> = {}): Answer {
  return { status: 303, headers: { ...headers, location }, body: '' };
}

/** Null where the body is larger than anything that is meant for this page. */
export async function readRequest(request: IncomingMessage): Promise<PageRequest | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString('utf8');
  // Only path and query are taken from it: the host was compared before.
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body,
    form: new URLSearchParams(body),
  };
}

export function write(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { ...SAFE_HEADERS, ...answer.headers });
  response.end(answer.body);
}

/**
 * Null where a request may come in. A page elsewhere whose name was made to resolve to 127.0.0.1 (DNS
 * rebinding) has its own Host; a form elsewhere that posts to us (CSRF) has its own Origin.
 */
export function trespass(request: IncomingMessage, port: number): string | null {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host, origin } = request.headers;
  if (host === undefined || !hosts.includes(host))
    return 'This page answers to its own address only';
  if (origin !== undefined && origin !== `http://${host}`) {
    return 'This page takes requests of its own pages only';
  }
  return null;
}
