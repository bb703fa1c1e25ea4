/**
 * What a client may ask for in its StartupMessage. A closed list: a startup packet sets the defaults
 * that RESET returns to, before any statement could be judged.
 */

export interface StartupRequest {
  readonly user: string;
  /** The target's name; PostgreSQL takes the user's where none is given. */
  readonly database: string;
  readonly application: string;
  /** Passed on to the target, in the client's order. */
  readonly settings: ReadonlyMap<string, string>;
}

export type StartupCheck =
  | {
      readonly kind: 'accepted';
      readonly request: StartupRequest;
      /** `_pq_.` protocol options, of which none is understood. */
      readonly unknownOptions: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    };

/** NAMEDATALEN is 64: longer names cannot exist. An email has up to 320 characters. */
const USER_MAX = 320;
const SETTING_MAX = 1_000;

/** Formats, time-outs and names: nothing here widens what a statement may do or changes what it means. */
const SAFE_SETTINGS: ReadonlySet<string> = new Set([
  'application_name',
  'datestyle',
  'intervalstyle',
  'timezone',
  'extra_float_digits',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'default_transaction_deferrable',
  // Read back from the server after the login: every statement is judged with what it really is.
  'search_path',
]);

/** Forced by the gateway, as facts and masks rely on them; a client's wish for the same is dropped. */
const FORCED: ReadonlySet<string> = new Set(['client_encoding', 'standard_conforming_strings']);

export function checkStartup(parameters: ReadonlyMap<string, string>): StartupCheck {
  const settings = new Map<string, string>();
  const unknownOptions: string[] = [];
  for (const [name, value] of parameters) {
    const key = name.toLowerCase();
    if (key === 'user' || key === 'database' || FORCED.has(key)) continue;
    if (key.startsWith('_pq_.')) unknownOptions.push(name);
    else if (!SAFE_SETTINGS.has(key) || value.length > SETTING_MAX) return refusedParameter(name);
    else settings.set(key, value);
  }
  const user = parameters.get('user') ?? '';
  if (user === '' || user.length > USER_MAX) {
    return {
      kind: 'refused',
      code: '28000',
      message: 'no PostgreSQL user name specified in startup packet',
      hint: 'Sign in as the user that the token was issued to',
    };
  }
  const request: StartupRequest = {
    user,
    database: parameters.get('database') || user,
    application: settings.get('application_name') ?? '',
    settings,
  };
  return { kind: 'accepted', request, unknownOptions };
}

function refusedParameter(name: string): StartupCheck {
  const shown = name.slice(0, 64);
  const hint =
    name === 'options'
      ? 'Use SET after connecting instead of PGOPTIONS, so that the setting can be judged'
      : 'Use SET after connecting, so that the setting can be judged';
  return {
    kind: 'refused',
    code: '0A000',
    message:
      name === 'replication'
        ? 'replication connections do not pass this gateway'
        : `startup parameter "${shown}" is not accepted by this gateway`,
    hint: name === 'replication' ? 'Replicate over a connection of its own' : hint,
  };
}
