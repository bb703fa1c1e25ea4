/** What the page answers. Every request that comes here has passed the Host and Origin checks. */
import * as v from 'valibot';
import type { Voter } from '../../core/approval/eligibility.ts';
import { RequestId } from '../../core/brand.ts';
import { viewStatement, vote } from '../../functions/approvals/vote.ts';
import { type ApiDeps, api } from './api.ts';
import { type Feed, slackUserOf } from './feed.ts';
import { type Answer, json, type PageRequest, page, seeOther } from './http.ts';
import type { Interactions } from './interactions.ts';
import type { People } from './people.ts';
import type { SlackApiStandIn } from './slack_api.ts';
import { feedPage, listPage, plainPage, requestPage, whoPage } from './views.ts';

export interface RouteDeps extends ApiDeps {
  readonly feed: Feed;
  readonly standIn: SlackApiStandIn;
  readonly interactions: Interactions;
  readonly people: People;
  /** Whom a browser may say it is. */
  readonly cast: readonly Voter[];
  /** True where a real Slack workspace gets the cards. */
  readonly realSlack: boolean;
}

export async function route(deps: RouteDeps, request: PageRequest): Promise<Answer> {
  const { method, path } = request;
  if (path === '/api/approvals' || path.startsWith('/api/approvals/')) return api(deps, request);
  if (path.startsWith('/slack/api/')) return slackApi(deps, request);
  if (method === 'POST' && request.headers.origin === undefined) {
    return page(403, plainPage('Refused', 'This form was not sent by this page', null));
  }
  if (method === 'POST' && path === '/who') return enter(deps, request);
  const subject = deps.people.of(request.headers.cookie);
  if (subject === null) {
    const next = method === 'GET' && path.startsWith('/approvals') ? path : '/';
    return page(method === 'GET' ? 200 : 401, whoPage(deps.cast, next));
  }
  return method === 'POST' ? act(deps, request, subject) : show(deps, request, subject);
}

function slackApi(deps: RouteDeps, request: PageRequest): Answer {
  const answer = deps.standIn.call(request.path.slice('/slack/api/'.length), {
    authorization: request.headers.authorization ?? '',
    contentType: request.headers['content-type'] ?? '',
    body: request.body,
  });
  return json(200, answer);
}

function enter(deps: RouteDeps, request: PageRequest): Answer {
  const subject = request.form.get('subject');
  const person = deps.cast.find((known) => known.subject === subject);
  if (person === undefined) return page(400, plainPage('Nobody', 'There is no such user', null));
  const next = request.form.get('next') ?? '/';
  // Only a path of our own: never a way to send a browser elsewhere.
  const target = /^\/approvals(\/apr_[0-9A-Z]{26})?$/.test(next) ? next : '/';
  return seeOther(target, { 'set-cookie': deps.people.enter(person.subject) });
}

async function show(deps: RouteDeps, request: PageRequest, subject: string): Promise<Answer> {
  const viewer = { subject };
  if (request.path === '/') return page(200, feedPage(deps.feed, viewer, deps.realSlack));
  if (request.path === '/approvals') {
    return page(200, listPage(await deps.approvals.store.list(), viewer));
  }
  const id = idOf(request.path, '');
  if (id === null) return missing(subject);
  return requestAnswer(deps, id, subject, { status: 200, statement: null, alert: null });
}

async function act(deps: RouteDeps, request: PageRequest, subject: string): Promise<Answer> {
  const { path, form } = request;
  if (path === '/leave') {
    return seeOther('/', { 'set-cookie': deps.people.leave(request.headers.cookie) });
  }
  if (path === '/slack/click') {
    await deps.interactions.click(subject, form.get('ts') ?? '', form.get('action') ?? '');
    return seeOther('/');
  }
  if (path === '/slack/view') {
    const values = Object.fromEntries([...form].filter(([name]) => name !== 'do'));
    if (form.get('do') === 'submit') await deps.interactions.submit(subject, values);
    else deps.feed.openModal({ user: slackUserOf(subject), view: null });
    return seeOther('/');
  }
  const votedOn = idOf(path, '/vote');
  if (votedOn !== null) return castVote(deps, votedOn, subject, form);
  const viewed = idOf(path, '/statement');
  if (viewed === null) return missing(subject);
  const shown = await viewStatement(deps.approvals, viewed, subject);
  return requestAnswer(deps, viewed, subject, {
    status: shown.result === 'shown' ? 200 : 409,
    statement: shown.result === 'shown' ? shown.statement : null,
    alert: shown.result === 'shown' ? null : shown.message,
  });
}

async function castVote(
  deps: RouteDeps,
  id: RequestId,
  subject: string,
  form: URLSearchParams,
): Promise<Answer> {
  const answer = form.get('answer') === 'approve' ? 'approve' : 'deny';
  const reason = form.get('reason') ?? '';
  const answered = await vote(deps.approvals, { id, subject, answer, reason, via: 'page' });
  if (answered.result === 'done') return seeOther(`/approvals/${id}`);
  const alert = `Not counted: ${answered.message}`;
  return requestAnswer(deps, id, subject, { status: 409, statement: null, alert });
}

async function requestAnswer(
  deps: RouteDeps,
  id: RequestId,
  subject: string,
  extra: { status: number; statement: string | null; alert: string | null },
): Promise<Answer> {
  const request = await deps.approvals.store.read(id);
  if (request === null) return missing(subject);
  const person = await deps.approvals.directory.find(subject);
  const { statement, alert } = extra;
  const content = requestPage({ request, person, viewer: { subject }, statement, alert });
  return page(extra.status, content);
}

function missing(subject: string): Answer {
  return page(404, plainPage('Not here', 'There is nothing at this address', { subject }));
}

function idOf(path: string, suffix: string): RequestId | null {
  if (!path.startsWith('/approvals/') || !path.endsWith(suffix)) return null;
  const id = v.safeParse(RequestId, path.slice('/approvals/'.length, path.length - suffix.length));
  return id.success ? id.output : null;
}
