/**
 * The Slack stand-in's workspace: what was posted, the modals that are open, and what one user alone was
 * told. It keeps what Slack would keep, in one JSON file, so that cards survive a restart.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Block } from '../../functions/slack/cards.ts';

export const STAND_IN_TEAM = 'T0LOCAL';
export const STAND_IN_CHANNEL = 'C0APPROVALS';
/** Messages kept, and sentences to one user. */
const MESSAGES_MAX = 200;
const WHISPERS_MAX = 20;

export interface Message {
  readonly ts: string;
  readonly channel: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}
export interface Modal {
  readonly id: string;
  readonly user: string;
  readonly view: Block;
  /** What the last submission was refused with, by block. */
  readonly errors: Readonly<Record<string, string>>;
}
export interface Whisper {
  readonly user: string;
  readonly text: string;
  readonly at: number;
}

export interface Feed {
  readonly messages: () => readonly Message[];
  readonly post: (message: Omit<Message, 'ts'>) => Message;
  /** False where there is no such message. */
  readonly update: (message: Message) => boolean;
  readonly modal: (user: string) => Modal | null;
  readonly openModal: (modal: Modal | { readonly user: string; readonly view: null }) => void;
  readonly whisper: (user: string, text: string) => void;
  readonly whispers: (user: string) => readonly Whisper[];
  /** Called after every change; returns how to stop. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly changed: () => void;
}

/** The Slack id of a development user: `ci-deploy` is U0CIDEPLOY. */
export function slackUserOf(subject: string): string {
  return `U0${subject.toUpperCase().replace(/[^A-Z0-9]/g, '')}`;
}

export function makeFeed(file: string, now: () => number): Feed {
  let messages: Message[] = load(file);
  let whispers: Whisper[] = [];
  let last = 0;
  const modals = new Map<string, Modal>();
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const keep = (next: Message[]) => {
    messages = next.slice(-MESSAGES_MAX);
    writeFileSync(file, JSON.stringify(messages), { mode: 0o600 });
    changed();
  };
  return {
    messages: () => messages,
    post: (message) => {
      // Slack's `ts` is a time in seconds and unique in its channel.
      last = Math.max(now(), last + 1);
      const posted = { ...message, ts: (last / 1000).toFixed(6) };
      keep([...messages, posted]);
      return posted;
    },
    update: (message) => {
      if (!messages.some((known) => known.ts === message.ts)) return false;
      keep(messages.map((known) => (known.ts === message.ts ? message : known)));
      return true;
    },
    modal: (user) => modals.get(user) ?? null,
    openModal: (modal) => {
      if (modal.view === null) modals.delete(modal.user);
      else modals.set(modal.user, modal as Modal);
      changed();
    },
    whisper: (user, text) => {
      whispers = [...whispers, { user, text, at: now() }].slice(-WHISPERS_MAX);
      changed();
    },
    whispers: (user) => whispers.filter((whisper) => whisper.user === user),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    changed,
  };
}

function load(file: string): Message[] {
  if (!existsSync(file)) return [];
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Message[];
  } catch {
    // A torn write of a stand-in's feed: the requests themselves are in the table.
    return [];
  }
}
