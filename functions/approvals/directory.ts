/**
 * Who a Slack user is, and what groups a person is in right now, from the table.
 * Links are explicit: `LINK#<team>#<slackUser>` names a subject. People are `PERSON#<subject>`, which the
 * local mode fills with its development users, and `sallyport people` in AWS.
 */
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import type { Voter } from '../../core/approval/eligibility.ts';
import { GatewayError } from '../../core/errors.ts';
import { Principal } from '../../core/principal.ts';

export interface Directory {
  /** The person as of now; null where the directory does not know them, who then may do nothing. */
  readonly find: (subject: string) => Promise<Voter | null>;
  /** The subject that a Slack user was linked to; null where nobody linked them. */
  readonly linked: (team: string, slackUser: string) => Promise<string | null>;
}

/** Slack's ids of teams and users: letters and digits, so that no part of a key can pass for another. */
export const SlackId = v.pipe(v.string(), v.regex(/^[A-Z0-9]{2,32}$/));

export const Person = v.pick(Principal, ['subject', 'email', 'kind', 'groups']);

export function makeDirectory(client: Pick<DynamoDBClient, 'send'>, table: string): Directory {
  return {
    find: async (subject) => {
      const found = await get(client, table, personKey(subject));
      if (found?.['person']?.S === undefined) return null;
      return v.parse(Person, JSON.parse(found['person'].S));
    },
    linked: async (team, slackUser) => {
      const found = await get(client, table, linkKey(team, slackUser));
      return found?.['subject']?.S ?? null;
    },
  };
}

/** Writes a person, replacing what was known of them. */
export async function putPerson(
  client: Pick<DynamoDBClient, 'send'>,
  table: string,
  person: Voter,
): Promise<void> {
  const Item = { ...personKey(person.subject), person: { S: JSON.stringify(person) } };
  await client.send(new PutItemCommand({ TableName: table, Item }));
}

/** Says that a Slack user is this subject. Called after a sign-in that proved it, never on their word. */
export async function putLink(
  client: Pick<DynamoDBClient, 'send'>,
  table: string,
  link: { readonly team: string; readonly slackUser: string; readonly subject: string },
): Promise<void> {
  const Item = { ...linkKey(link.team, link.slackUser), subject: { S: link.subject } };
  await client.send(new PutItemCommand({ TableName: table, Item }));
}

function personKey(subject: string) {
  return { pk: { S: `PERSON#${subject}` }, sk: { S: 'PERSON' } };
}

function linkKey(team: string, slackUser: string) {
  return {
    pk: { S: `LINK#${v.parse(SlackId, team)}#${v.parse(SlackId, slackUser)}` },
    sk: { S: 'LINK' },
  };
}

async function get(
  client: Pick<DynamoDBClient, 'send'>,
  table: string,
  Key: ReturnType<typeof personKey>,
) {
  try {
    const answer = await client.send(
      new GetItemCommand({ TableName: table, Key, ConsistentRead: true }),
    );
    return answer.Item ?? null;
  } catch (cause) {
    // Not knowing who somebody is must not pass for knowing that they may do nothing: the caller is told.
    throw new GatewayError('ERR_APPROVALS_UNAVAILABLE', 'Cannot look people up', {
      hint: 'The table did not answer: try again',
      cause,
    });
  }
}
