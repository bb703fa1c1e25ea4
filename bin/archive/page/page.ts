/**
 * A session as one page: a file that can be mailed, opened anywhere and read without a network.
 *
 * It holds what strangers typed. So the data is in a block that browsers do not run, escaped so that
 * nothing in it can end that block; the script puts it on the page as text; and the policy in the head
 * admits the one script and the one style whose hashes it names, and no connection at all.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Narrative } from '../narrative.ts';

export function replayPage(narrative: Narrative): string {
  const style = asset('replay.css');
  const script = asset('replay.js');
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(script)}`,
    `style-src ${hashSource(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Session</title>
<style>${style}</style>
</head>
<body>
<header>
<h1></h1>
<ul id="facts"></ul>
</header>
<main>
<section id="damaged" role="alert" hidden><strong>This recording is damaged</strong><ul id="problems"></ul></section>
<search id="controls">
<input id="filter" type="search" placeholder="Filter" aria-label="Filter the commands" autocomplete="off">
<label><input id="refusals" type="checkbox"> refused or failed</label>
<output id="count"></output>
</search>
<ol id="entries"></ol>
<noscript>The commands are in this file, and a script shows them. Without scripts: sallyport replay.</noscript>
</main>
<script id="story" type="application/json">${inert(JSON.stringify(narrative))}</script>
<script>${script}</script>
</body>
</html>
`;
}

function asset(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
}

/** https://www.w3.org/TR/CSP3/#grammardef-hash-source */
function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/**
 * JSON within a script element: without `<` it has neither an end tag nor a comment that would change
 * how the rest is read (HTML, "Restrictions for contents of script elements").
 */
function inert(json: string): string {
  return json.replaceAll('<', '\\u003c');
}
