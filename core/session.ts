/** One client connection to one target by one principal. */
import type { EpochMs, SessionId } from './brand.ts';
import type { Principal } from './principal.ts';
import type { Target } from './target.ts';

export interface Session {
  readonly id: SessionId;
  readonly principal: Principal;
  readonly target: Target;
  /** `address:port` of the client, for the record. */
  readonly client: string;
  /** What the client calls itself (`application_name`), '' where it says nothing. Not trusted. */
  readonly application: string;
  readonly startedAt: EpochMs;
  /** When the token behind it expires; the session ends then. */
  readonly expiresAt: EpochMs;
}
