/** The page's HTTP server: loopback only, Host and Origin checked before anything else is read. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../../functions/approvals/deps.ts';
import { type Answer, type PageRequest, readRequest, text, trespass, write } from './http.ts';

const HOST = '127.0.0.1';
/** Browsers that watch for changes at once. */
const WATCHERS_MAX = 50;

export interface PageServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export interface PageServerDeps {
  /** 0: chosen by the operating system. */
  readonly port: number;
  readonly log: Log;
  readonly route: (request: PageRequest) => Promise<Answer>;
  /** Calls back after every change; returns how to stop. */
  readonly subscribe: (listener: () => void) => () => void;
}

const ASSETS: Readonly<Record<string, { body: Uint8Array; type: string }>> = {
  '/style.css': { body: asset('style.css'), type: 'text/css' },
  '/live.js': { body: asset('live.js'), type: 'text/javascript' },
  '/icon.svg': { body: asset('icon.svg'), type: 'image/svg+xml' },
};

export async function startPageServer(deps: PageServerDeps): Promise<PageServer> {
  const watchers = new Set<ServerResponse>();
  let port = deps.port;
  const server = createServer((request, response) => {
    serve(deps, watchers, port, request, response).catch((error: unknown) => {
      // One request failed; the page stays up and says so.
      deps.log.error('page.failed', { error: String(error) });
      if (!response.headersSent) write(response, text(500, 'Something failed here: see the log'));
    });
  });
  port = await listen(server, deps.port);
  const stop = deps.subscribe(() => {
    for (const watcher of watchers) watcher.write('data: changed\n\n');
  });
  return {
    url: `http://${HOST}:${port}`,
    close: async () => {
      stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(
  deps: PageServerDeps,
  watchers: Set<ServerResponse>,
  port: number,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const why = trespass(incoming, port);
  if (why !== null) return write(response, text(403, why));
  const request = await readRequest(incoming);
  if (request === null) return write(response, text(413, 'That is too large'));
  if (request.method !== 'GET' && request.method !== 'POST') {
    return write(response, text(405, 'Only GET and POST'));
  }
  const found = Object.hasOwn(ASSETS, request.path) ? ASSETS[request.path] : undefined;
  if (found !== undefined) {
    const headers = { 'content-type': `${found.type}; charset=utf-8` };
    return write(response, { status: 200, headers, body: found.body });
  }
  if (request.path === '/changes') return watch(watchers, response);
  write(response, await deps.route(request));
}

/** Server-sent events without content: "look again". */
function watch(watchers: Set<ServerResponse>, response: ServerResponse): void {
  if (watchers.size >= WATCHERS_MAX) {
    write(response, text(503, 'Too many are watching'));
    return;
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.write('retry: 1000\n\n');
  watchers.add(response);
  response.on('close', () => watchers.delete(response));
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EADDRINUSE') return reject(cause);
      const hint = 'Stop what uses it, or choose another with --page-port';
      const message = `Cannot serve the approval page: port ${port} is in use`;
      return reject(new GatewayError('ERR_PORT_BUSY', message, { hint, cause }));
    });
    server.listen(port, HOST, resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function asset(name: string): Uint8Array {
  return readFileSync(new URL(`assets/${name}`, import.meta.url));
}
