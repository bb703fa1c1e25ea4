/** The accept loop: it hands every socket on at once and waits for none of them. */
import net, { type Socket } from 'node:net';
import { GatewayError } from '../../core/errors.ts';
import type { Adapter } from '../protocols/adapter.ts';
import type { Services } from '../services.ts';
import { type OpenConnection, openConnection } from './connection.ts';
import { makeServerContext, type ServerTls } from './tls.ts';

/** Bytes kept by a session are bounded elsewhere; this bounds how many there are. */
export const CONNECTIONS_MAX = 2_000;
/** TLS, password, token check, login at the target: PostgreSQL's authentication_timeout is 60 s. */
export const HANDSHAKE_MS = 30_000;

export interface ListenerLimits {
  readonly connections: number;
  readonly handshakeMs: number;
}

export interface ListenerOptions {
  readonly adapter: Adapter;
  readonly services: Services;
  readonly host: string;
  /** 0: one that the operating system picks. */
  readonly port: number;
  readonly tls: ServerTls | null;
  readonly limits?: Partial<ListenerLimits>;
}

export interface Listener {
  readonly port: number;
  /** Takes no new connections, tells the open ones why, and cuts what is left after the deadline. */
  readonly close: (deadlineMs: number) => Promise<void>;
}

/** Rejects with ERR_PORT_BUSY or ERR_CONFIG_INVALID. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { adapter, services } = options;
  const tls = options.tls === null ? null : makeServerContext(options.tls);
  const maximum = options.limits?.connections ?? CONNECTIONS_MAX;
  const handshakeMs = options.limits?.handshakeMs ?? HANDSHAKE_MS;
  const open = new Set<OpenConnection>();

  const accept = (socket: Socket): void => {
    if (open.size >= maximum) {
      services.log.warn('listener.full', { connections: open.size });
      socket.destroy();
      return;
    }
    const onClosed = () => {
      open.delete(connection);
    };
    const connection = openConnection(socket, { adapter, services, tls, handshakeMs, onClosed });
    open.add(connection);
  };

  // allowHalfOpen: a client may stop sending and still read the answer it asked for.
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, accept);
  const port = await listen(server, options.host, options.port);
  return { port, close: (deadlineMs) => closeAll(server, open, deadlineMs) };
}

function listen(server: net.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const busy = error.code === 'EADDRINUSE';
      const message = busy
        ? `Port ${port} of ${host} is in use`
        : `Cannot listen on ${host}:${port}`;
      const hint = busy ? 'Stop what uses it, or configure another port' : '';
      reject(
        new GatewayError(busy ? 'ERR_PORT_BUSY' : 'ERR_CONFIG_INVALID', message, {
          hint,
          cause: error,
        }),
      );
    });
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function closeAll(
  server: net.Server,
  open: ReadonlySet<OpenConnection>,
  deadlineMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      for (const connection of open) connection.destroy();
    }, deadlineMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    for (const connection of open) connection.close('the gateway is shutting down');
  });
}
