/** The PostgreSQL adapter: one connection from its first byte to its last. */
import type { Detectors } from '../../../core/masking/detect.ts';
import type { Session } from '../../../core/session.ts';
import type { Services, Upstream } from '../../services.ts';
import { withCredential } from '../../upstream/with_credential.ts';
import type { Adapter, Connection, Wire } from '../adapter.ts';
import { type CancelKey, type CancelKeys, makeCancelKeys } from './cancel_keys.ts';
import { asBuffer } from './codec_frames.ts';
import {
  authenticationOk,
  backendKeyData,
  type ErrorFields,
  errorResponse,
  parameterStatus,
  readyForQuery,
} from './codec_synthetic.ts';
import { type LiveSession, makeLiveSession } from './live_session.ts';
import { makeOpeningMachine, type OpeningEffect } from './machine_opening.ts';
import { makeSessionState } from './machine_session.ts';
import { manifest } from './manifest.ts';
import { contextOf } from './session_context.ts';
import { fatal, messageOf, signIn } from './sign_in.ts';
import type { StartupRequest } from './startup_parameters.ts';
import type { Catalog, Catalogs } from './statement.ts';
import {
  cancelTarget,
  connectTarget,
  type TargetConnection,
  type TargetHandlers,
} from './target_connection.ts';

/** setTimeout takes no more than this, in milliseconds; a later expiry is looked at again then. */
const TIMER_MAX = 0x7fffffff;

export interface PostgresOptions {
  readonly catalogs: Catalogs;
  readonly detectors: Detectors;
  /** Takes passwords in the clear from other machines too. For a TLS-terminating load balancer. */
  readonly allowClearPasswords?: boolean;
}

type Open = PostgresOptions & { readonly keys: CancelKeys };

export function makePostgresAdapter(options: PostgresOptions): Adapter {
  const open: Open = { ...options, keys: makeCancelKeys() };
  return { name: manifest.name, open: (wire, services) => openPostgres(wire, services, open) };
}

function openPostgres(wire: Wire, services: Services, options: Open): Connection {
  const opening = makeOpeningMachine({
    tlsOffered: wire.tlsOffered,
    clearAllowed: wire.peer.loopback || options.allowClearPasswords === true,
  });
  let live: LiveSession | null = null;
  let gone = false;

  const refuse = (error: ErrorFields): void => {
    wire.write(errorResponse(error));
    wire.end();
  };
  const login = async (request: StartupRequest, password: string): Promise<void> => {
    const result = await signIn(services, wire.peer, request, password);
    if (result.kind === 'refused') {
      refuse(result.error);
      if (result.started !== null) await endRecord(services, result.started, 'refused at login');
      return;
    }
    live = await establish(wire, services, options, result.session, request, () => gone);
    if (live === null) return;
    const leftover = opening.leftover();
    if (leftover.length > 0) live.send({ kind: 'client', bytes: leftover });
  };
  const perform = (effect: OpeningEffect): void => {
    switch (effect.kind) {
      case 'write':
        wire.write(effect.bytes);
        return;
      case 'secure':
        wire.secure(effect.leftover);
        return;
      case 'cancel':
        options.keys.cancel(effect.process, effect.secret);
        wire.end();
        return;
      case 'refuse':
        services.log.info('login.refused', { client: wire.peer.name, why: effect.message });
        refuse(fatal(effect.code, effect.message, effect.hint));
        return;
      case 'drop':
        services.log.warn('login.dropped', { client: wire.peer.name, why: effect.why });
        wire.end();
        return;
      case 'login':
        login(effect.request, effect.password).catch((error: unknown) => {
          services.log.error('login.broken', { client: wire.peer.name, error: messageOf(error) });
          refuse(fatal('58000', 'the login failed inside the gateway'));
        });
    }
  };

  return {
    onData: (bytes) => {
      if (live !== null) live.send({ kind: 'client', bytes });
      else for (const effect of opening.onData(asBuffer(bytes))) perform(effect);
    },
    onSecure: () => opening.onSecure(),
    onEnd: () => {
      if (live === null) {
        wire.end();
        return;
      }
      // Nobody is there to wait for an approver any more.
      live.withdraw();
      live.send({ kind: 'client-ended' });
    },
    onClosed: () => {
      gone = true;
      live?.send({ kind: 'client-gone' });
    },
    close: (reason) => {
      if (live === null) refuse(fatal('57P01', reason));
      else live.send({ kind: 'close', code: '57P01', reason });
    },
  };
}

/** Signs in to the target, and lets the client in. null: it has been told why not. */
async function establish(
  wire: Wire,
  services: Services,
  options: Open,
  session: Session,
  request: StartupRequest,
  isGone: () => boolean,
): Promise<LiveSession | null> {
  let live: LiveSession | null = null;
  let upstream: Upstream;
  let catalog: Catalog;
  let target: TargetConnection;
  const handlers: TargetHandlers = {
    onData: (bytes) => live?.send({ kind: 'target', bytes }),
    onClosed: (why) => live?.send({ kind: 'target-gone', why }),
  };
  const signInAt = async (at: Upstream) =>
    [at, await connectTarget(wire, at, request.settings, handlers)] as const;
  try {
    catalog = await options.catalogs.current(session.target);
    [upstream, target] = await withCredential(services.upstreams, session.target, signInAt);
  } catch (error) {
    services.log.error('target.unavailable', { session: session.id, error: messageOf(error) });
    const hint = 'The gateway’s log says more';
    wire.write(errorResponse(fatal('08001', 'the target cannot be reached', hint)));
    wire.end();
    await endRecord(services, session, 'the target cannot be reached');
    return null;
  }
  const context = contextOf(target.login.context, upstream.database, 'idle');
  if (context === null || isGone()) {
    target.outgoing.destroy();
    wire.end();
    await endRecord(services, session, 'the client left during the login');
    return null;
  }
  let key: CancelKey | null = null;
  let expiry: NodeJS.Timeout | undefined;
  live = makeLiveSession({
    wire,
    services,
    catalogs: options.catalogs,
    outgoing: target.outgoing,
    state: makeSessionState({ session, context, catalog, detectors: options.detectors }),
    cancelTarget: () => cancelTarget(wire, upstream, target.login),
    onEnd: (reason) => {
      clearTimeout(expiry);
      if (key !== null) options.keys.forget(key);
      services.sessions.closed(session.id);
      // The results of this very event are recorded first.
      setImmediate(() => void endRecord(services, session, reason));
    },
  });
  const running = live;
  key = options.keys.register(running.cancel);
  const close = (reason: string): void => running.send({ kind: 'close', code: '57P01', reason });
  const watch = (): void => {
    const left = session.expiresAt - services.clock.now();
    if (left <= 0) close('the token of this session has expired');
    else expiry = setTimeout(watch, Math.min(left, TIMER_MAX));
  };
  wire.established();
  wire.write(welcome(target, key));
  services.sessions.open(session, close);
  watch();
  return running;
}

function welcome(target: TargetConnection, key: CancelKey): Buffer {
  const status = [...target.login.status].map(([name, value]) => parameterStatus(name, value));
  const { process, secret } = key;
  return Buffer.concat([
    authenticationOk(),
    ...status,
    backendKeyData(process, secret),
    readyForQuery('I'),
  ]);
}

async function endRecord(services: Services, session: Session, reason: string): Promise<void> {
  try {
    await services.recorder.end(session.id, reason);
  } catch (error) {
    // The session is over already; a missing end is what `verify` will report.
    services.log.error('session.end_unrecorded', { session: session.id, error: messageOf(error) });
  }
}
