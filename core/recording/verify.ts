/**
 * Whether an archive is whole and unchanged: what `sallyport verify` says, and on what grounds.
 * Pure over what it is handed: a way to list and get objects, a public key, and no network.
 */
import type { EpochMs, SessionId } from '../brand.ts';

export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** As the store says, not as a writer says. */
  readonly modifiedAt: EpochMs;
}

/** All that reading an archive takes: a bucket, or a directory. */
export interface ArchiveReader {
  /** Every object whose key begins with the prefix, in no promised order. */
  readonly list: (prefix: string) => AsyncIterable<StoredObject>;
  /** null where there is no such object. */
  readonly get: (key: string) => Promise<Uint8Array | null>;
}

/** Each is a reason not to trust the archive, or a part of it. */
export type FindingKind =
  /** A digest's signature does not fit, or it is no digest. */
  | 'digest-invalid'
  /** A number is missing in the chain of digests. */
  | 'digest-missing'
  /** A digest does not name the one that comes before it as it is. */
  | 'digest-broken'
  /** A signed object is gone. */
  | 'object-missing'
  /** A signed object has other bytes than were signed. */
  | 'object-changed'
  /** An object that digests should have signed by now, and none did. */
  | 'object-unsigned'
  /** An object that Sallyport never writes, or whose content is not what its key says. */
  | 'object-foreign'
  /** A record that the archive could not take: kept under quarantine/, missing elsewhere. */
  | 'quarantined'
  /** An event's content is not what its hash says. */
  | 'event-edited'
  /** Events are missing before the last one that is there. */
  | 'event-dropped'
  /** Two different events claim the same place. */
  | 'event-conflict'
  /** An event does not continue the one before it. */
  | 'event-broken'
  /** The session ended, but not with the number of events or the hash that its manifest states. */
  | 'manifest-mismatch'
  /** The end event is there, its manifest is not. */
  | 'manifest-missing'
  /** The session must have ended long ago, and no end is recorded. */
  | 'session-unended'
  /** All of a session's signed objects are gone. */
  | 'session-missing'
  /** The SQL table has rows that the recordings do not, or other ones. */
  | 'table-mismatch'
  /** A recorded event is not in the SQL table. */
  | 'table-incomplete';

export interface Finding {
  readonly kind: FindingKind;
  /** The key of the object that it is about, '' where it is about a session as a whole. */
  readonly key: string;
  readonly session: SessionId | null;
  /** Sequence number of the first event concerned; null where it is not about one. */
  readonly seq: number | null;
  /** One sentence for a person, without a full stop. */
  readonly detail: string;
}

export interface Report {
  readonly checkedAt: EpochMs;
  /** Empty: nothing speaks against the archive. */
  readonly findings: readonly Finding[];
  readonly digests: {
    readonly count: number;
    /** When the newest good one was signed; null where there is none. */
    readonly newestAt: EpochMs | null;
  };
  readonly objects: {
    readonly signed: number;
    /** Newer than the newest digest: checked like the others, and not proven yet. */
    readonly pending: number;
  };
  readonly sessions: {
    readonly ended: number;
    /** Without an end yet, and within the life of the token behind them. */
    readonly open: number;
  };
  /** Distinct events in all recordings. */
  readonly events: number;
}
