/** From a startup request and a token to a session that may go on, or to the words of a refusal. */
import type { Identity, Principal } from '../../../core/principal.ts';
import type { Session } from '../../../core/session.ts';
import type { Services } from '../../services.ts';
import type { Peer } from '../adapter.ts';
import type { ErrorFields } from './codec_synthetic.ts';
import { errorOfRefusal } from './refusals.ts';
import type { StartupRequest } from './startup_parameters.ts';

export type SignInResult =
  | { readonly kind: 'session'; readonly session: Session }
  /** `started`: the record has a start, and needs an end. */
  | { readonly kind: 'refused'; readonly error: ErrorFields; readonly started: Session | null };

export async function signIn(
  services: Services,
  peer: Peer,
  request: StartupRequest,
  token: string,
): Promise<SignInResult> {
  const identity = await verified(services, peer, request, token);
  if (identity === null) return { kind: 'refused', error: wrongPassword(request), started: null };
  const target = services.target(request.database);
  if (target === null) {
    const message = `database "${request.database}" does not exist`;
    const hint = 'The database name chooses a target of the gateway';
    return { kind: 'refused', error: fatal('3D000', message, hint), started: null };
  }
  const session: Session = {
    id: services.newSessionId(),
    principal: identity.principal,
    target,
    client: peer.name,
    application: request.application,
    startedAt: services.clock.now(),
    expiresAt: identity.expiresAt,
  };
  try {
    await services.recorder.start(session);
  } catch (error) {
    services.log.error('session.unrecorded', { session: session.id, error: messageOf(error) });
    const message = 'the session cannot be recorded, and does not begin';
    return { kind: 'refused', error: fatal('58030', message, 'Try again later'), started: null };
  }
  const allowed = await services.gate.connect(session);
  if (allowed.kind === 'allowed') return { kind: 'session', session };
  const fields = errorOfRefusal(allowed.refusal);
  const code = allowed.refusal.kind === 'denied' ? '28000' : fields.code;
  return { kind: 'refused', error: { ...fields, severity: 'FATAL', code }, started: session };
}

async function verified(
  services: Services,
  peer: Peer,
  request: StartupRequest,
  token: string,
): Promise<Identity | null> {
  const refused = (why: string): null => {
    services.log.warn('login.refused', { client: peer.name, user: request.user, why });
    return null;
  };
  try {
    const result = await services.identity.verify(token);
    if (result.kind === 'refused') return refused(result.why);
    if (!isNameOf(result.identity.principal, request.user)) {
      return refused('the user is neither the subject nor the email of the token');
    }
    return result.identity;
  } catch (error) {
    // The issuer's keys cannot be had: nobody can prove who they are, and nobody is told why.
    return refused(messageOf(error));
  }
}

function isNameOf(principal: Principal, user: string): boolean {
  return user === principal.subject || user.toLowerCase() === principal.email;
}

/** PostgreSQL's own words, and nothing more: what was wrong is for the log. */
function wrongPassword(request: StartupRequest): ErrorFields {
  return fatal('28P01', `password authentication failed for user "${request.user}"`);
}

export function fatal(code: string, message: string, hint = ''): ErrorFields {
  return { severity: 'FATAL', code, message, hint };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'not an Error';
}
