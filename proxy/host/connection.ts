/**
 * One client connection: the only place where its bytes meet sockets.
 * Bytes go in as events, writes come out as calls; what they mean is the adapter's business.
 */
import net, { type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type {
  Adapter,
  Connection,
  Endpoint,
  Outgoing,
  OutgoingEvents,
  Wire,
} from '../protocols/adapter.ts';
import type { Services } from '../services.ts';
import { secureAccepted, secureOutgoing } from './tls.ts';

/** NLB drops flows that are idle for 350 s (AWS, "Network Load Balancers"); people think longer. */
const KEEP_ALIVE_MS = 60_000;
/** TCP and TLS to a target of the same VPC; PostgreSQL clients give up after about as long. */
const CONNECT_DEADLINE_MS = 10_000;
/** For the last bytes to leave once the gateway has ended a side. */
const LINGER_MS = 2_000;

export interface ConnectionOptions {
  readonly adapter: Adapter;
  readonly services: Services;
  /** null: no certificate, no TLS. */
  readonly tls: SecureContext | null;
  /** For the whole login, TLS included. */
  readonly handshakeMs: number;
  readonly onClosed: () => void;
}

export interface OpenConnection {
  readonly close: (reason: string) => void;
  readonly destroy: () => void;
}

export function openConnection(accepted: Socket, options: ConnectionOptions): OpenConnection {
  const { services, tls } = options;
  let socket: Socket = accepted;
  let pausedByProtocol = false;
  let pausedByTarget = false;
  let ended = false;
  let gone = false;
  const name = `${accepted.remoteAddress ?? 'unknown'}:${accepted.remotePort ?? 0}`;
  const deadline = setTimeout(() => {
    services.log.info('connection.handshake_deadline', { client: name });
    socket.destroy();
  }, options.handshakeMs);

  const read = (): void => {
    if (pausedByProtocol || pausedByTarget) socket.pause();
    else socket.resume();
  };
  const finish = (): void => {
    if (gone) return;
    gone = true;
    clearTimeout(deadline);
    guard(() => connection.onClosed());
    options.onClosed();
  };
  /** A bug in one session's machine ends that session and no other. */
  const guard = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      services.log.error('connection.broken', { client: name, error: stackOf(error) });
      socket.destroy();
    }
  };
  const listen = (to: Socket): void => {
    to.on('data', (bytes) => guard(() => connection.onData(bytes)));
    to.on('end', () => guard(() => connection.onEnd()));
    to.on('error', () => {
      // 'close' follows, and is what is acted upon: a reset is one of the ways in which clients leave.
    });
    to.on('close', finish);
  };

  const wire: Wire = {
    peer: { name, loopback: isLoopback(accepted.remoteAddress ?? '') },
    tlsOffered: tls !== null,
    write: (bytes) => {
      if (!ended && socket.writable) socket.write(bytes);
    },
    secure: (leftover) => {
      if (tls === null)
        throw new Error('Broken invariant: TLS is started only where it is offered');
      accepted.removeAllListeners('data');
      accepted.removeAllListeners('end');
      const secured = secureAccepted(accepted, tls, leftover);
      socket = secured;
      secured.on('secure', () => guard(() => connection.onSecure()));
      listen(secured);
    },
    pause: () => {
      pausedByProtocol = true;
      read();
    },
    resume: () => {
      pausedByProtocol = false;
      read();
    },
    established: () => clearTimeout(deadline),
    connect: (endpoint, events, paired) => {
      const outgoing = openOutgoing(endpoint, guarded(events, guard));
      if (paired) {
        pair(outgoing, {
          client: () => socket,
          holdClient: (held) => {
            pausedByTarget = held;
            read();
          },
        });
      }
      return outgoing.outgoing;
    },
    end: () => {
      if (ended) return;
      ended = true;
      socket.end();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    },
  };

  accepted.setNoDelay(true);
  accepted.setKeepAlive(true, KEEP_ALIVE_MS);
  const connection: Connection = options.adapter.open(wire, services);
  listen(accepted);
  return {
    close: (reason) => guard(() => connection.close(reason)),
    destroy: () => socket.destroy(),
  };
}

interface OpenOutgoing {
  readonly outgoing: Outgoing;
  readonly socket: () => Socket;
  /** Replaces what happens on every read chunk; set by `pair`. */
  afterRead: () => void;
  afterWrite: (full: boolean) => void;
  readonly onDrain: (work: () => void) => void;
}

function openOutgoing(endpoint: Endpoint, events: OutgoingEvents): OpenOutgoing {
  const raw = net.connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
  raw.setKeepAlive(true, KEEP_ALIVE_MS);
  let socket: Socket = raw;
  let why = '';
  let closed = false;
  const drains: (() => void)[] = [];
  const deadline = setTimeout(() => {
    why = `no connection within ${CONNECT_DEADLINE_MS} ms`;
    socket.destroy();
  }, CONNECT_DEADLINE_MS);
  const listen = (to: Socket): void => {
    to.on('data', (bytes) => {
      events.onData(bytes);
      open.afterRead();
    });
    to.on('drain', () => {
      for (const work of drains) work();
    });
    to.on('error', (error) => {
      why = error.message;
    });
    to.on('close', () => {
      clearTimeout(deadline);
      if (!closed) events.onClosed(why);
      closed = true;
    });
  };
  raw.once('connect', () => {
    clearTimeout(deadline);
    events.onOpen();
  });
  listen(raw);
  const open: OpenOutgoing = {
    socket: () => socket,
    afterRead: () => {},
    afterWrite: () => {},
    onDrain: (work) => drains.push(work),
    outgoing: {
      write: (bytes) => {
        if (socket.writable) open.afterWrite(!socket.write(bytes));
      },
      secure: (verify) => {
        raw.removeAllListeners('data');
        const secured = secureOutgoing(raw, verify);
        socket = secured;
        secured.once('secureConnect', () => events.onSecure());
        listen(secured);
      },
      end: () => {
        socket.end();
        setTimeout(() => socket.destroy(), LINGER_MS).unref();
      },
      destroy: () => socket.destroy(),
    },
  };
  return open;
}

/** Neither side is read faster than the other takes it, so that nothing piles up in memory. */
function pair(
  open: OpenOutgoing,
  client: { readonly client: () => Socket; readonly holdClient: (held: boolean) => void },
): void {
  open.afterRead = () => {
    const to = client.client();
    if (!to.writableNeedDrain) return;
    open.socket().pause();
    to.once('drain', () => open.socket().resume());
    to.once('close', () => open.socket().resume());
  };
  open.afterWrite = (full) => {
    if (full) client.holdClient(true);
  };
  open.onDrain(() => client.holdClient(false));
}

function guarded(events: OutgoingEvents, guard: (work: () => void) => void): OutgoingEvents {
  return {
    onOpen: () => guard(events.onOpen),
    onSecure: () => guard(events.onSecure),
    onData: (bytes) => guard(() => events.onData(bytes)),
    onClosed: (why) => guard(() => events.onClosed(why)),
  };
}

function isLoopback(address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : 'not an Error';
}
