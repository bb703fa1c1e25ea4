/** The gateway's login at the target, over the host's sockets; and a cancellation, over another. */
import { randomBytes } from 'node:crypto';
import { GatewayError } from '../../../core/errors.ts';
import type { Upstream } from '../../services.ts';
import type { Outgoing, OutgoingEvents, Wire } from '../adapter.ts';
import { asBuffer } from './codec_frames.ts';
import { cancelRequest, sslRequest } from './codec_synthetic.ts';
import { makeTargetMachine, type TargetEffect, type TargetLogin } from './machine_target.ts';
import { makeScram } from './scram.ts';

export interface TargetConnection {
  readonly outgoing: Outgoing;
  readonly login: TargetLogin;
}

export interface TargetHandlers {
  readonly onData: (bytes: Uint8Array) => void;
  readonly onClosed: (why: string) => void;
}

/** Rejects with ERR_TARGET_UNAVAILABLE or ERR_TARGET_REFUSED. The handlers are called after the login only. */
export function connectTarget(
  wire: Wire,
  upstream: Upstream,
  settings: ReadonlyMap<string, string>,
  handlers: TargetHandlers,
): Promise<TargetConnection> {
  const { tls } = upstream;
  const machine = makeTargetMachine({
    tls: tls.mode === 'verify-full',
    parameters: parametersOf(upstream, settings),
    scram: makeScram(upstream.password, randomBytes),
  });
  return new Promise((resolve, reject) => {
    let ready = false;
    const fail = (why: string, refused: boolean): void => {
      outgoing.destroy();
      const code = refused ? 'ERR_TARGET_REFUSED' : 'ERR_TARGET_UNAVAILABLE';
      reject(new GatewayError(code, `Cannot sign in to the target: ${why}`));
    };
    const perform = (effects: readonly TargetEffect[]): void => {
      for (const effect of effects) {
        if (effect.kind === 'write') outgoing.write(effect.bytes);
        else if (effect.kind === 'secure') secure(outgoing, upstream);
        else if (effect.kind === 'failed') fail(effect.why, effect.refused);
        else {
          ready = true;
          resolve({ outgoing, login: effect.login });
        }
      }
    };
    const events: OutgoingEvents = {
      onOpen: () => perform(machine.onOpen()),
      onSecure: () => perform(machine.onSecure()),
      onData: (bytes) => {
        if (ready) handlers.onData(bytes);
        else perform(machine.onData(asBuffer(bytes)));
      },
      onClosed: (why) => {
        if (ready) handlers.onClosed(why);
        else fail(why === '' ? 'it closed the connection' : why, false);
      },
    };
    const outgoing = wire.connect({ host: upstream.host, port: upstream.port }, events, true);
  });
}

/** Asks the target to cancel, with the same demands on TLS as the session's connection. */
export function cancelTarget(wire: Wire, upstream: Upstream, login: TargetLogin): void {
  const send = (): void => {
    outgoing.write(cancelRequest(login.process, login.secret));
    outgoing.end();
  };
  const outgoing = wire.connect(
    { host: upstream.host, port: upstream.port },
    {
      onOpen: () => {
        if (upstream.tls.mode === 'disable') send();
        else outgoing.write(sslRequest());
      },
      onSecure: send,
      onData: (bytes) => {
        if (bytes.length === 1 && bytes[0] === 0x53) secure(outgoing, upstream);
        else outgoing.destroy();
      },
      onClosed: () => {},
    },
    false,
  );
}

function secure(outgoing: Outgoing, upstream: Upstream): void {
  if (upstream.tls.mode === 'disable') return;
  outgoing.secure({ host: upstream.host, ca: upstream.tls.ca });
}

/** What facts and masks rely on is forced last, so that no client's wish comes after it. */
function parametersOf(
  upstream: Upstream,
  settings: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map([
    ...settings,
    ['user', upstream.user],
    ['database', upstream.database],
    ['client_encoding', 'UTF8'],
    ['standard_conforming_strings', 'on'],
  ]);
}
