/** The pages: who are you, the Slack stand-in's channel, one approval request. */

import type { Voter } from '../../core/approval/eligibility.ts';
import { approversOf, asksFor, isRequester } from '../../core/approval/eligibility.ts';
import { type ApprovalRequest, isOpen } from '../../core/approval/request.ts';
import { shownText, visible } from '../../core/approval/showing.ts';
import { isBounded, objectsOf } from '../../core/facts.ts';
import { messageHtml, modalHtml } from './blocks.ts';
import { type Feed, slackUserOf } from './feed.ts';
import { type Html, html } from './html.ts';

export interface Viewer {
  readonly subject: string;
}

const clock = (ms: number) => `${new Date(ms).toISOString().slice(11, 19)} UTC`;

export function layout(title: string, viewer: Viewer | null, body: Html, live = false): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Sallyport</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/style.css">
<script src="/live.js" defer></script>
</head>
<body>
<header>
  <a class="brand" href="/">Sallyport</a>
  ${viewer === null ? null : html`<form method="post" action="/leave"><span>${viewer.subject}</span> <button class="link">Switch user</button></form>`}
</header>
<main ${live ? { markup: 'data-live' } : null}>${body}</main>
</body>
</html>`;
}

export function whoPage(people: readonly Voter[], next: string): Html {
  const buttons = people.map(
    (person) => html`<button class="person" name="subject" value="${person.subject}">
      <strong>${person.subject}</strong> <span>${person.groups.join(', ') || 'no groups'}</span>
    </button>`,
  );
  return layout(
    'Who are you?',
    null,
    html`<h1>Who are you?</h1>
    <p>On this machine you can be any of the development users. Each browser is one of them at a time.</p>
    <form method="post" action="/who"><input type="hidden" name="next" value="${next}">${buttons}</form>`,
  );
}

export function feedPage(feed: Feed, viewer: Viewer, real: boolean): Html {
  const user = slackUserOf(viewer.subject);
  const modal = feed.modal(user);
  const whispers = feed.whispers(user).slice(-2).reverse();
  const cards = [...feed.messages()].reverse().map((message) => messageHtml(message, clock));
  const intro = real
    ? 'Cards go to your Slack workspace. Requests are listed under their links.'
    : 'A stand-in for Slack: these are the cards as Slack would get them, and the buttons do what Slack’s do.';
  return layout(
    '#approvals',
    viewer,
    html`<h1># approvals</h1><p class="intro">${intro} <a href="/approvals">All requests</a></p>
    <div aria-live="polite">${whispers.map((w) => html`<p class="alert" role="status">${clock(w.at)} · ${w.text}</p>`)}</div>
    ${modal === null ? null : modalHtml(modal)}
    ${cards.length === 0 ? html`<p class="empty">Nothing is waiting. A held command shows up here by itself.</p>` : cards}`,
    true,
  );
}

export function listPage(requests: readonly ApprovalRequest[], viewer: Viewer): Html {
  const rows = requests.map(
    (
      request,
    ) => html`<li><a href="/approvals/${request.id}">${request.requester.subject}: ${request.facts.tag} on ${request.target}</a>
      <span class="status ${request.status}">${request.status}</span> <span>${clock(request.requestedAt)}</span></li>`,
  );
  const body = html`<h1>Requests</h1>${rows.length === 0 ? html`<p class="empty">None yet.</p>` : html`<ul class="requests">${rows}</ul>`}`;
  return layout('Requests', viewer, body, true);
}

export interface RequestPage {
  readonly request: ApprovalRequest;
  /** As the directory knows them now; null where it does not. */
  readonly person: Voter | null;
  readonly viewer: Viewer;
  /** The unsealed statement, in the one answer that shows it. */
  readonly statement: string | null;
  /** Why the last vote was refused. */
  readonly alert: string | null;
}

export function requestPage(page: RequestPage): Html {
  const { request, viewer, alert } = page;
  const title = `${request.facts.tag} on ${request.target}`;
  const body = html`<article class="card request">
    <h1>${title} <span class="status ${request.status}">${request.status}</span></h1>
    ${alert === null ? null : html`<p class="alert" role="alert">${alert}</p>`}
    ${isOpen(request.status) || request.ending === '' ? null : html`<p>${request.ending}${request.outcome === null ? '' : `. Outcome: ${request.outcome}`}</p>`}
    ${about(request)}
    <h2>Statement</h2>
    ${statementHtml(page)}
    ${isOpen(request.status) ? voting(page) : null}
    ${history(request)}
  </article>`;
  // Once the sealed text is on the page, nothing replaces it behind the reader's back.
  return layout(title, viewer, body, page.statement === null);
}

function about(request: ApprovalRequest): Html {
  const { facts } = request;
  const warnings = [
    ...(isBounded(facts) ? [] : ['No WHERE that limits it: every row is affected']),
    ...(facts.opaque === null ? [] : [`Its effect cannot be read from the text: ${facts.opaque}`]),
    ...(request.inTransaction ? ['Inside an open transaction: locks are held meanwhile'] : []),
  ];
  return html`<dl>
    <dt>Who asks</dt><dd>${visible(request.requester.subject)}${request.requester.actor === null ? null : ` for ${request.requester.actor}`}</dd>
    <dt>Where</dt><dd>${request.target} (${request.environment})</dd>
    <dt>Touches</dt><dd>${visible(objectsOf(facts).join(', ')) || 'no known object'}</dd>
    <dt>${isOpen(request.status) ? 'Expires' : 'Asked'}</dt><dd><time>${clock(isOpen(request.status) ? request.expiresAt : request.requestedAt)}</time></dd>
    ${request.asks.map((ask) => html`<dt>Why it is held</dt><dd>${ask.message} <code>${ask.policy}</code>: ${approversOf(ask, request.votes).length} of ${ask.quorum} from ${ask.approvers.join(' or ')}</dd>`)}
  </dl>${warnings.map((warning) => html`<p class="warning">${warning}</p>`)}`;
}

function statementHtml({ request, person, statement }: RequestPage): Html {
  if (statement !== null) {
    return html`<pre tabindex="0" class="whole">${visible(statement)}</pre>
      <p class="context">This is the whole statement, unmasked. That you read it is on the record.</p>`;
  }
  const shown = html`<pre tabindex="0">${shownText(request.shown)}</pre>`;
  if (request.shown.complete) return shown;
  if (!mayAnswer(request, person) || !isOpen(request.status)) {
    return html`${shown}<p class="context">Part of it is masked or cut.</p>`;
  }
  return html`${shown}<p class="warning">Part of it is masked or cut. To approve it, read it whole; that is recorded.</p>
    <form method="post" action="/approvals/${request.id}/statement"><button class="plain">Show the whole statement</button></form>`;
}

function voting({ request, person, statement }: RequestPage): Html {
  if (person !== null && isRequester(request, person)) {
    return html`<p class="context">You asked for this: somebody else has to answer.</p>`;
  }
  if (person === null || !mayAnswer(request, person)) {
    return html`<p class="context">You are not among its approvers.</p>`;
  }
  if (request.votes.some((vote) => vote.voter === person.subject)) {
    return html`<p class="context">You have voted.</p>`;
  }
  const readable = request.shown.complete || statement !== null;
  return html`<form method="post" action="/approvals/${request.id}/vote" class="vote">
    <label for="reason">Reason (required to deny)</label>
    <textarea id="reason" name="reason" rows="2" maxlength="1000"></textarea>
    <div class="actions">
      ${readable ? html`<button class="primary" name="answer" value="approve">Approve</button>` : null}
      <button class="danger" name="answer" value="deny">Deny</button>
    </div>
  </form>`;
}

function history(request: ApprovalRequest): Html {
  const votes = request.votes.map(
    (vote) =>
      html`<li>${clock(vote.at)} · ${vote.voter} (${vote.groups.join(', ')}) ${vote.answer === 'approve' ? 'approved' : 'denied'} by ${vote.via}${vote.reason === '' ? null : `: ${visible(vote.reason)}`}</li>`,
  );
  const viewings = request.viewings.map(
    (seen) => html`<li>${clock(seen.at)} · ${seen.viewer} read the whole statement</li>`,
  );
  if (votes.length + viewings.length === 0)
    return html`<p class="context">Nobody has answered yet.</p>`;
  return html`<h2>So far</h2><ul class="history">${viewings}${votes}</ul>`;
}

function mayAnswer(request: ApprovalRequest, person: Voter | null): boolean {
  return (
    person !== null &&
    person.kind === 'human' &&
    !isRequester(request, person) &&
    asksFor(request, person.groups).length > 0
  );
}

export function plainPage(title: string, text: string, viewer: Viewer | null): Html {
  return layout(title, viewer, html`<h1>${title}</h1><p>${text}</p><p><a href="/">Back</a></p>`);
}
