/** Block Kit drawn as HTML: the kinds that cards.ts makes, and nothing that could run. */
import type { Block } from '../../functions/slack/cards.ts';
import type { Message, Modal } from './feed.ts';
import { type Html, html } from './html.ts';

export function messageHtml(message: Message, clock: (ms: number) => string): Html {
  return html`<article class="card" aria-label="${plain(message.text)}">
    ${message.blocks.map((block) => blockHtml(block, message, clock))}
  </article>`;
}

export function modalHtml(modal: Modal): Html {
  const inputs = listOf(modal.view['blocks']).map((block) => {
    const id = block.block_id ?? '';
    const wrong = modal.errors[id];
    return html`<label for="input-${id}">${textOf(block['label'])}</label>
      ${wrong === undefined ? null : html`<p class="alert" role="alert">${wrong}</p>`}
      <textarea id="input-${id}" name="${id}" rows="3" maxlength="1000" required autofocus></textarea>`;
  });
  return html`<dialog open class="modal" aria-labelledby="modal-title">
    <h2 id="modal-title">${textOf(modal.view['title'])}</h2>
    <form method="post" action="/slack/view">
      ${inputs}
      <div class="actions">
        <button class="danger" name="do" value="submit">${textOf(modal.view['submit'])}</button>
        <button class="plain" name="do" value="close" formnovalidate>${textOf(modal.view['close'])}</button>
      </div>
    </form>
  </dialog>`;
}

function blockHtml(block: Block, message: Message, clock: (ms: number) => string): Html {
  switch (block.type) {
    case 'header':
      return html`<h2>${textOf(block['text'])}</h2>`;
    case 'section': {
      const fields = listOf(block['fields']).map(
        (field) => html`<div>${mrkdwn(textOf(field), clock)}</div>`,
      );
      if (fields.length > 0) return html`<div class="fields">${fields}</div>`;
      return html`<p>${mrkdwn(textOf(block['text']), clock)}</p>`;
    }
    case 'context':
      return html`<p class="context">${listOf(block['elements']).map((e) => mrkdwn(textOf(e), clock))}</p>`;
    case 'rich_text': {
      const texts = listOf(block['elements']).flatMap((e) => listOf(e['elements']));
      return html`<pre tabindex="0">${texts.map((part) => String(part['text'])).join('')}</pre>`;
    }
    case 'actions':
      return html`<div class="actions">${listOf(block['elements']).map((e) => button(e, message))}</div>`;
    default:
      return html`<p class="context">(a ${block.type} block)</p>`;
  }
}

function button(element: Block, message: Message): Html {
  const label = textOf(element['text']);
  const url = element['url'];
  if (typeof url === 'string' && url.startsWith('http')) {
    return html`<a class="button plain" href="${url}">${label}</a>`;
  }
  const style = element['style'] === 'primary' ? 'primary' : 'danger';
  return html`<form method="post" action="/slack/click">
    <input type="hidden" name="ts" value="${message.ts}">
    <button class="${style}" name="action" value="${String(element['action_id'])}">${label}</button>
  </form>`;
}

/** Slack's light markup: bold, code, dates, lines. What was escaped for Slack is unescaped, then escaped for HTML. */
function mrkdwn(text: string, clock: (ms: number) => string): Html {
  const tokens = text.split(/(\*[^*\n]+\*|`[^`\n]+`|<!date\^\d+\^[^>]*>|\n)/);
  return {
    markup: tokens
      .map((token) => {
        const date = /^<!date\^(\d+)\^/.exec(token);
        if (date !== null) return html`<time>${clock(Number(date[1]) * 1000)}</time>`;
        if (token === '\n') return html`<br>`;
        if (/^\*.+\*$/.test(token)) return html`<strong>${plain(token.slice(1, -1))}</strong>`;
        if (/^`.+`$/.test(token)) return html`<code>${plain(token.slice(1, -1))}</code>`;
        return html`${plain(token)}`;
      })
      .map((part) => part.markup)
      .join(''),
  };
}

function plain(text: string): string {
  return text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
}

function listOf(value: unknown): readonly Block[] {
  return Array.isArray(value) ? (value as Block[]) : [];
}

function textOf(value: unknown): string {
  const text = (value as { text?: unknown } | undefined)?.text;
  return typeof text === 'string' ? text : '';
}
